import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { Contributed } from '@nacre/proofs/zk/groth16/contributions'
import { keyHash } from '@nacre/proofs/zk/groth16/key'
import type { ByteSource } from '@nacre/proofs/zk/groth16/sections'
import { type SetupVerdict, verifySetup } from '@nacre/proofs/zk/groth16/setup'
import { NacreError } from '@nacre/verify'
import { toHex } from '@nacre/verify/bytes'
import { printChecks } from '../../dev/report.ts'
import { EXIT } from '../../errors.ts'
import { green, type Output, plain, red } from '../../output.ts'
import { here } from '../../shell.ts'
import { circuitOf } from './circuit.ts'
import { badFile, beside, writeWhole } from './files.ts'
import { readProvingKey } from './groth16Files.ts'
import { withSnarkjs } from './snarkjs.ts'
import { say } from './told.ts'

export type SetupVerifyOptions = { ptau: string; zkey?: string; out?: string }

const FIX = 'take it from the ceremony again: docs/zk-groth16.md, section 6'

/** `nacre zk setup verify CONTAINER`: every check of a ceremony's transcript, and the key that it made for this model. */
export async function setupVerify(
  path: string,
  options: SetupVerifyOptions,
  output: Output,
): Promise<number> {
  const { model, circuit } = await circuitOf(path)
  const zkeyPath = options.zkey ?? beside(path, 'zkey')
  const zkey = readProvingKey(zkeyPath, FIX)
  const { source, close } = openSource(options.ptau)
  let verdict: SetupVerdict
  try {
    say('verifying; large files take minutes')
    verdict = await withSnarkjs(() =>
      verifySetup({ circuit, ptau: { file: options.ptau, source }, zkey }, say),
    )
  } catch (error) {
    if (error instanceof NacreError && INVALID.has(error.code))
      throw badFile('the ceremony’s files cannot be used', error, FIX)
    throw error
  } finally {
    close()
  }
  return told(path, model, verdict, options, output)
}

const INVALID = new Set<string>(['zk-invalid-setup', 'zk-invalid-key', 'zk-unsupported-version'])

function told(
  path: string,
  model: string,
  { ok, checks, phase1, phase2, key }: SetupVerdict,
  options: SetupVerifyOptions,
  output: Output,
): number {
  output.line(`model ${model}`)
  printChecks(output, checks)
  printPhase(output, 'phase 1, the powers of tau', phase1)
  printPhase(output, 'phase 2, of this model', phase2)
  const file = key && { file: options.out ?? beside(path, 'nzkg'), artifact: toHex(keyHash(key)) }
  if (key && file) {
    writeWhole(file.file, key)
    output.line(`key          ${here(file.file)}, artifact ${file.artifact}`)
    output.line(green('All checks hold: this key is of this model, and came out of this ceremony.'))
    for (const text of TRUST) output.line(text)
  } else output.line(red('This ceremony does NOT hold: use none of its keys.'))
  output.result({ ok, model, setup: 'ceremony', checks, phase1, phase2, ...file })
  return ok ? EXIT.ok : EXIT.checkFailed
}

const TRUST = [
  'What you still have to trust: that in each phase at least one contributor, who is no beacon, kept nothing of the secret.',
  'Names are what contributors wrote, and prove nothing: ask them for the hash that snarkjs told them.',
]

function printPhase(output: Output, phase: string, list: readonly Contributed[]): void {
  output.line(`${phase}:${list.length === 0 ? ' no contribution' : ''}`)
  for (const [i, { name, hash, beacon }] of list.entries()) {
    const of = beacon ? `, beacon ${beacon.value}, 2^${beacon.iterationsExp} hashes` : ''
    output.line(`  ${String(i + 1).padStart(3)}  ${plain(name) || 'no name'}${of}`)
    if (hash) output.line(`       ${hash}`)
  }
}

/** Powers of tau have gigabytes: they are read where they are needed. @throws CliError bad-file */
function openSource(path: string): { source: ByteSource; close: () => void } {
  const file = open(path)
  const { size } = fstatSync(file)
  const source = {
    size,
    read(at: number, length: number) {
      const bytes = new Uint8Array(length)
      if (readSync(file, bytes, 0, length, at) !== length) throw new Error(`it ends before ${at + length}`)
      return bytes
    },
  }
  return { source, close: () => closeSync(file) }
}

function open(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw badFile(`${path} cannot be read`, error, FIX)
  }
}
