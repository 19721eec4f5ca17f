import {
  type CaseTee,
  evidenceMeasurement,
  fromHex,
  type Hex,
  type Measurement,
  measurementDigest,
  type Tee,
  verifierOf,
} from '@nacre/verify'
import { EXPLAINERS, recognise } from '../attestation/explain.ts'
import { readCollateral, readEvidence } from '../attestation/files.ts'
import { parseTee, policyOf } from '../attestation/verify.ts'
import { printChecks } from '../dev/report.ts'
import { type CliError, EXIT } from '../errors.ts'
import { nodeCrypto } from '../nodeCrypto.ts'
import { type Output, plain, yellow } from '../output.ts'
import { now, parseTime } from '../time.ts'
import { badFile } from './folder.ts'
import { REGISTERS } from './measurements.ts'

export type EvidenceOptions = {
  evidence: string
  tee?: string
  collateral?: string[]
  policy?: string
  at?: string
}

/** TEEs whose measurements `Releases` lists. */
type Listed = keyof typeof REGISTERS
type Found = { measurements: Record<string, string>; ok: boolean; verified: boolean; checks: object[] }

/**
 * The digest that a release must list for the machine that this evidence is of. With --collateral, and of Nitro always,
 * the evidence is verified as `nacre attestation verify` does; otherwise it is what somebody wrote into a file.
 */
export function measureEvidence(options: EvidenceOptions, output: Output): number {
  const { evidence: path } = options
  const bytes = read(path)
  const tee = listed(options.tee === undefined ? recognise(bytes) : parseTee(options.tee), path)
  const { measurements, ok, verified, checks } = found(tee, bytes, options, output)
  const registers = REGISTERS[tee].map(name => [name, measurements[name]] as const)
  const digest = digestOf(tee, measurements, path)
  output.line(`${plain(path)}  ${tee}`)
  for (const [name, value] of registers) output.line(`  ${name.padEnd(12)} ${plain(value ?? 'none')}`)
  output.line(`  ${'digest'.padEnd(12)} ${digest}`)
  if (!verified)
    output.line(yellow('NOT VERIFIED: anyone can write such a file. Pass --collateral DIR to verify it.'))
  output.line(`nacre release publish DIR --measurement ${tee}:${digest} lists it.`)
  output.result({
    evidence: path,
    tee,
    registers: Object.fromEntries(registers),
    digest,
    verified,
    ok,
    checks,
  })
  return ok ? EXIT.ok : EXIT.checkFailed
}

function found(tee: Listed, bytes: Uint8Array, options: EvidenceOptions, output: Output): Found {
  const { collateral, at, evidence } = options
  if (collateral === undefined && tee !== 'nitro' && options.policy === undefined) {
    const { measurements } = attempt(evidence, () => EXPLAINERS[tee](bytes))
    return { measurements, ok: true, verified: false, checks: [] }
  }
  const time = at === undefined ? now() : parseTime(at, '--at')
  const files = readCollateral(collateral ?? [])
  const verdict = verifierOf(tee)(bytes, files, time, policyOf(options), nodeCrypto)
  printChecks(output, verdict.checks)
  // Of what is not authentic a verdict has no measurements.
  if (Object.keys(verdict.measurements).length === 0)
    throw noEvidence(evidence, verdict.checks.find(check => !check.ok)?.detail ?? verdict.code)
  return { measurements: verdict.measurements, ok: verdict.ok, verified: true, checks: verdict.checks }
}

function digestOf(tee: Listed, measurements: Record<string, string>, path: string): Hex {
  return attempt(path, () => {
    if (tee !== 'nitro' && tee !== 'simulated')
      return evidenceMeasurement(tee satisfies CaseTee, measurements)
    const registers = REGISTERS[tee].map(name => fromHex(`0x${measurements[name]}`))
    if (registers.some(register => register.every(byte => byte === 0)))
      throw new Error('a register is zero: its enclave is in debug mode')
    return measurementDigest({ kind: tee, registers } satisfies Measurement)
  })
}

function listed(tee: Tee | undefined, path: string): Listed {
  if (tee === undefined) throw noEvidence(path, 'it begins as none that is known: say what it is with --tee')
  if (tee === 'dstack')
    throw noEvidence(path, 'RTMR3 of dstack tells instances apart: no digest stands for all of them')
  if (tee === 'nvidia') throw noEvidence(path, 'releases list no measurements of GPUs')
  return tee
}

function read(path: string): Uint8Array {
  return attempt(path, () => readEvidence(path))
}

function attempt<T>(path: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw noEvidence(path, error)
  }
}

function noEvidence(path: string, why: unknown): CliError {
  return badFile(
    `${path} has no measurement to list`,
    why,
    'use evidence of a machine that booted this release: nacre attestation show FILE tells what a file is',
  )
}
