import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { readChainFacts, withDevelopmentRoot } from '@nacre/sdk'
import {
  type ChainFacts,
  type Check,
  DEFAULT_POLICY,
  fromHex,
  type Hex,
  type Policy,
  parseBundle,
  parsePolicy,
  type ReceiptBundle,
  verifyReceipt,
  ZERO_HASH,
} from '@nacre/verify'
import { chainClient } from '../dev/clients.ts'
import { printChecks } from '../dev/report.ts'
import { CliError, EXIT } from '../errors.ts'
import { nodeCrypto } from '../nodeCrypto.ts'
import { green, type Output, plain, red, yellow } from '../output.ts'
import { now, parseTime } from '../time.ts'
import { printStatement, statementJson, statementOf } from './zk/statement.ts'

export type VerifyOptions = {
  policy?: string
  release?: string
  developmentRoot?: string
  rpc?: string
  registry?: string
  request?: string
  /** Unix seconds or ISO 8601. */
  at?: string
}

/** `nacre receipt verify FILE`: every check, offline unless --rpc is given. */
export async function verify(file: string, options: VerifyOptions, output: Output): Promise<number> {
  const bundle = readBundle(file)
  const policy = policyOf(options)
  const time = options.at === undefined ? now() : parseTime(options.at, '--at')
  const chain = options.rpc === undefined ? undefined : await chainFacts(options.rpc, bundle)
  const { request, registry } = options
  const expect = {
    ...(request !== undefined && { requestId: hash(request, '--request') }),
    ...(registry !== undefined && { registry: hash(registry.toLowerCase(), '--registry', 20) }),
  }
  const verification = verifyReceipt(bundle, policy, {
    time,
    expect,
    ...(chain && { chain }),
    crypto: nodeCrypto,
  })

  output.line(`receipt ${verification.receiptId}`)
  if (options.at !== undefined)
    output.line(`as of ${new Date(Number(time) * 1000).toISOString()}, Unix time ${time}`)
  printChecks(output, verification.checks)
  if (chain && registry === undefined)
    output.line(
      yellow(
        `  The registry ${bundle.registry} is the receipt’s own word: --registry says which it has to be.`,
      ),
    )
  const { ok, status, failure, assurance } = verification
  if (assurance === 'simulated')
    output.line(yellow('  SIMULATED evidence: no hardware vouches for this answer.'))
  if (status !== 0) output.line(yellow(`  The answer is an error, status ${status}: ${plain(failure ?? '')}`))
  const proven = ok ? statementOf(bundle) : undefined
  if (proven) printStatement(output, proven)
  output.line(ok ? green('All checks hold.') : red('This receipt does NOT verify under this policy.'))
  if (!ok) for (const line of hints(file, options, verification.checks)) output.line(line)
  output.result({
    ok,
    receipt: verification.receiptId,
    time: Number(time),
    signer: verification.signer,
    assurance,
    status,
    ...(proven && { proven: statementJson(proven) }),
    checks: verification.checks,
  })
  return ok ? EXIT.ok : EXIT.checkFailed
}

/** The trust comes from the caller alone, never from the receipt or the folder that it lies in. */
export function policyOf(options: Pick<VerifyOptions, 'policy' | 'release' | 'developmentRoot'>): Policy {
  const base = options.policy === undefined ? DEFAULT_POLICY : readPolicy(options.policy)
  const named =
    options.release === undefined
      ? base
      : { ...base, releases: [...base.releases, hash(options.release, '--release')] }
  // A policy that accepts nothing is an error; no release has the id zero, so that the checks are listed and fail.
  const wanted =
    named.releases.length + named.publishers.length > 0 ? named : { ...named, releases: [ZERO_HASH] }
  if (options.developmentRoot === undefined) return wanted
  return withDevelopmentRoot(wanted, readFile(options.developmentRoot, 'development root'))
}

function readPolicy(path: string): Policy {
  try {
    return parsePolicy(JSON.parse(Buffer.from(readFile(path, 'policy')).toString('utf8')))
  } catch (error) {
    if (error instanceof CliError) throw error
    throw badFile(`${path} is not a policy`, error, 'docs/protocol.md and `nacre dev`’s policy.json show one')
  }
}

export function readBundle(path: string): ReceiptBundle {
  const bytes = readFile(path, 'receipt')
  try {
    return parseBundle(Buffer.from(bytes).toString('utf8'))
  } catch (error) {
    throw badFile(`${path} is not a receipt bundle`, error, 'use the file as nacre or the operator wrote it')
  }
}

async function chainFacts(url: string, bundle: ReceiptBundle): Promise<ChainFacts> {
  if (!URL.canParse(url))
    throw badFile(`${url} is not an address`, 'it is no URL', 'pass --rpc http://HOST:PORT')
  try {
    return await readChainFacts({ client: chainClient(url), bundle })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'wrong-chain') throw error
    throw new CliError('not-running', {
      what: `the chain at ${url} cannot be read`,
      why: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error),
      fix: 'check the address, or leave --rpc out to verify offline',
    })
  }
}

function hints(file: string, options: VerifyOptions, checks: readonly Check[]): string[] {
  const failed = checks.filter(check => !check.ok)
  if (options.at === undefined && failed.every(check => check.name === 'policy-evidence-age'))
    return ['Only the age of the evidence speaks against it. As of when you received it: --at TIME']
  if (options.policy !== undefined) return []
  const policy = join(dirname(dirname(resolve(file))), 'policy.json')
  const here = existsSync(policy)
    ? [
        `This lies in a development network’s folder. To accept its SIMULATED root and release: --policy ${policy}`,
      ]
    : []
  return ['Without --policy only real TEEs are accepted, and no release: name what you trust.', ...here]
}

function readFile(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw badFile(`the ${what} ${path} cannot be read`, error, 'give the path of a readable file')
  }
}

function hash(text: string, option: string, size = 32): Hex {
  try {
    fromHex(text, size)
    return text as Hex
  } catch (error) {
    throw new CliError('bad-input', {
      what: `${option} ${text} is ${size === 32 ? 'not a hash' : 'no address'}`,
      why: error instanceof Error ? error.message : String(error),
      fix: `pass 0x and ${2 * size} lower-case hex digits`,
    })
  }
}

function badFile(what: string, error: unknown, fix: string): CliError {
  return new CliError('bad-file', { what, why: error instanceof Error ? error.message : String(error), fix })
}
