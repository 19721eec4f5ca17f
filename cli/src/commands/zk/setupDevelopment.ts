import { developmentSetup } from '@nacre/proofs/zk/groth16/developmentSetup'
import { keyHash } from '@nacre/proofs/zk/groth16/key'
import { toHex } from '@nacre/verify/bytes'
import { interruption } from '../../enclave/interruption.ts'
import { EXIT } from '../../errors.ts'
import { type Output, red } from '../../output.ts'
import { here, quoted } from '../../shell.ts'
import { circuitOf } from './circuit.ts'
import { beside, writeWhole } from './files.ts'
import { ensureGoing } from './interrupted.ts'
import { withSnarkjs } from './snarkjs.ts'
import { kilobytes, millis, say } from './told.ts'

/** `nacre zk setup development CONTAINER`: keys to develop with, which no chain but 31337 takes. */
export async function setupDevelopment(
  path: string,
  options: { out?: string },
  output: Output,
): Promise<number> {
  const { signal } = interruption()
  warn(output)
  const { circuit, model } = await circuitOf(path)
  await ensureGoing(signal)
  const started = performance.now()
  const { zkey, key } = await withSnarkjs(() => developmentSetup(circuit, { progress: say }))
  const setup_ms = millis(started)
  await ensureGoing(signal)

  const files = filesOf(path, options.out)
  // The key goes last: where it is, its proving key is.
  writeWhole(files.zkey, zkey)
  writeWhole(files.key, key)
  const artifact = toHex(keyHash(key))
  const facts = {
    ...{ model, artifact, setup: 'development', key: files.key, key_bytes: key.length },
    ...{ proving_key: files.zkey, proving_key_bytes: zkey.length },
    ...{ constraints: circuit.constraints.length, signals: circuit.signals, setup_ms },
  }
  output.line(`artifact     ${artifact}`)
  output.line(`circuit      ${circuit.constraints.length} constraints, ${circuit.signals} public signals`)
  output.line(`key          ${here(files.key)}, ${kilobytes(key.length)}`)
  output.line(`proving key  ${here(files.zkey)}, ${kilobytes(zkey.length)}; made in ${setup_ms} ms`)
  output.line(`next         nacre zk prove ${quoted(here(path))} INPUT --groth16 ${quoted(here(files.zkey))}`)
  output.result(facts)
  return EXIT.ok
}

/** Beside the container, or where --out says: a name without ending. */
function filesOf(path: string, out: string | undefined): { zkey: string; key: string } {
  const base = out ?? beside(path, '').slice(0, -1)
  const name = /\.(nzkg|zkey)$/.test(base) ? beside(base, '').slice(0, -1) : base
  return { zkey: `${name}.zkey`, key: `${name}.nzkg` }
}

function warn(output: Output): void {
  for (const text of [
    'DEVELOPMENT: one party makes this setup, and whoever makes one alone can prove anything.',
    'Contracts take its key on chain 31337 alone. For any other, run a ceremony: nacre zk setup circuit.',
  ])
    output.line(red(text))
}
