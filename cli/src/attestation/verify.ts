import { readFileSync } from 'node:fs'
import {
  type CollateralFiles,
  DEFAULT_EVIDENCE_POLICY,
  type EvidencePolicy,
  isNotValid,
  parseEvidencePolicy,
  TEES,
  type Tee,
  type Verdict,
  verifierOf,
} from '@nacre/verify'
import { printChecks } from '../dev/report.ts'
import { CliError, EXIT } from '../errors.ts'
import { nodeCrypto } from '../nodeCrypto.ts'
import { green, type Output, plain, red, yellow } from '../output.ts'
import { now, parseTime } from '../time.ts'
import { readCollateral, readEvidence } from './files.ts'

export type AttestationOptions = {
  tee: string
  /** Unix seconds or ISO 8601. */
  at?: string
  collateral?: string[]
  certs?: string[]
  policy?: string
  nonce?: string
}

/** What is told of one file: its verdict, or why it could not be read. */
type Told = Omit<Verdict, 'code'> & { code: Verdict['code'] | 'bad-file' }
type Context = { tee: Tee; collateral: CollateralFiles; time: bigint; policy: EvidencePolicy }

/** `nacre attestation verify FILE...`: every check of each; one that is bad does not stop the others. */
export async function verify(files: string[], options: AttestationOptions, output: Output): Promise<number> {
  const context: Context = {
    tee: parseTee(options.tee),
    collateral: readCollateral([...(options.collateral ?? []), ...(options.certs ?? [])]),
    time: options.at === undefined ? now() : parseTime(options.at, '--at'),
    policy: policyOf(options),
  }
  const failed = files.filter(file => {
    const told = verifyFile(file, context)
    print(output, file, told)
    output.result({ file, ...told, time: isoOf(told.time) })
    return !told.ok
  })
  if (files.length > 1) output.line(`${files.length - failed.length} of ${files.length} files are ok.`)
  if (options.policy === undefined) {
    const told =
      'NO MEASUREMENT WAS PINNED: any code in such a TEE passes. Name what you accept with --policy.'
    output.line(yellow(told))
  }
  return failed.length === 0 ? EXIT.ok : EXIT.checkFailed
}

export function parseTee(name: string): Tee {
  const tee = TEES.find(known => known === name)
  if (tee) return tee
  throw new CliError('usage', {
    what: `--tee cannot be ${name}`,
    why: `it takes one of ${TEES.join(', ')}`,
    fix: 'for example --tee nitro; nacre attestation show FILE tells what a file is',
  })
}

function verifyFile(file: string, { tee, collateral, time, policy }: Context): Told {
  try {
    return verifierOf(tee)(readEvidence(file), collateral, time, policy, nodeCrypto)
  } catch (error) {
    // Verifiers throw for no evidence whatever: this is the file system's.
    if (!(error instanceof Error) || error.name === 'NacreError') throw error
    return unreadable(tee, error.message, { time, policy })
  }
}

function unreadable(tee: Tee, detail: string, { time, policy }: Pick<Context, 'time' | 'policy'>): Told {
  return {
    tee,
    ok: false,
    code: 'bad-file',
    checks: [{ name: 'file', ok: false, detail }],
    measurements: {},
    reportData: null,
    tcbStatus: null,
    tcb: {},
    advisories: [],
    debug: null,
    partial: null,
    platform: {},
    pinned: policy.measurements !== undefined,
    collateralDigest: '',
    time,
  }
}

function print(output: Output, file: string, verdict: Told): void {
  output.line(`${plain(file)}  ${verdict.tee}, as of ${isoOf(verdict.time)}`)
  printChecks(output, verdict.checks)
  if (verdict.tee === 'simulated')
    output.line(yellow('  SIMULATED evidence: no hardware vouches for anything here.'))
  if (verdict.debug)
    output.line(yellow('  DEBUG MODE: whoever runs the machine sees and changes everything.'))
  if (verdict.partial) output.line(yellow(`  PARTIAL: ${plain(verdict.partial)}`))
  if (verdict.advisories.length > 0)
    output.line(yellow(`  Advisories: ${plain(verdict.advisories.join(', '))}`))
  output.line(sentence(verdict))
}

function sentence({ ok, code }: Told): string {
  if (ok) return green('  Valid, and what the policy wants.')
  if (code === 'bad-file') return red('  The file cannot be read.')
  if (code !== 'ok' && isNotValid(code)) return red(`  NOT VALID: ${code}`)
  return red(`  Valid, but NOT WANTED by this policy: ${code}`)
}

/** The trust comes from the caller alone. @throws CliError bad-file, bad-input */
export function policyOf({ policy, nonce }: Pick<AttestationOptions, 'policy' | 'nonce'>): EvidencePolicy {
  const base = policy === undefined ? DEFAULT_EVIDENCE_POLICY : readPolicy(policy)
  if (nonce === undefined) return base
  try {
    return parseEvidencePolicy({ ...base, nonce })
  } catch (error) {
    throw new CliError('bad-input', {
      what: `--nonce ${nonce} is no nonce`,
      why: error instanceof Error ? error.message : String(error),
      fix: 'pass the bytes that you sent, in hex',
    })
  }
}

function readPolicy(path: string): EvidencePolicy {
  try {
    return parseEvidencePolicy(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    throw new CliError('bad-file', {
      what: `${path} is not a policy of evidence`,
      why: error instanceof Error ? error.message : String(error),
      fix: 'docs/attestation.md, Policy, shows one; docs/evidence-policy.schema.json is its schema',
    })
  }
}

function isoOf(time: bigint): string {
  return new Date(Number(time) * 1000).toISOString()
}
