import { encodeR1cs } from '@nacre/proofs/zk/groth16/iden3'
import { powerOf } from '@nacre/proofs/zk/groth16/qap'
import { EXIT } from '../../errors.ts'
import type { Output } from '../../output.ts'
import { here, quoted } from '../../shell.ts'
import { circuitOf } from './circuit.ts'
import { beside, writeWhole } from './files.ts'
import { kilobytes } from './told.ts'

/** `nacre zk setup circuit CONTAINER`: the circuit, and the commands that make a key of it. */
export async function setupCircuit(path: string, options: { out?: string }, output: Output): Promise<number> {
  const { model, circuit } = await circuitOf(path)
  const bytes = encodeR1cs(circuit)
  const file = options.out ?? beside(path, 'r1cs')
  writeWhole(file, bytes)
  const power = powerOf(circuit)
  const commands = commandsOf(path, file)
  const { wires, signals, constraints } = circuit
  output.line(`model        ${model}`)
  output.line(`circuit      ${here(file)}, ${kilobytes(bytes.length)}`)
  output.line(`size         ${constraints.length} constraints, ${wires} wires, ${signals} public signals`)
  output.line(`powers       2^${power} or more powers of tau, prepared for phase 2: POWERS.ptau below`)
  output.line('next         with snarkjs, as many contributors as there are, each on a machine of its own:')
  for (const text of commands) output.line(`  ${text}`)
  output.line('docs/zk-groth16.md, section 6, explains each of them, and where powers of tau come from.')
  output.result({
    ...{ model, file, bytes: bytes.length, constraints: constraints.length, wires, signals },
    ...{ power, commands },
  })
  return EXIT.ok
}

function commandsOf(path: string, r1cs: string): string[] {
  const zkey = beside(path, 'zkey')
  const numbered = (number: number): string => quoted(here(zkey.replace(/\.zkey$/, `_${number}.zkey`)))
  const final = quoted(here(zkey))
  return [
    `npx snarkjs groth16 setup ${quoted(here(r1cs))} POWERS.ptau ${numbered(0)}`,
    `npx snarkjs zkey contribute ${numbered(0)} ${numbered(1)} --name="the first one’s name"`,
    `npx snarkjs zkey beacon ${numbered(1)} ${final} HEX 10 --name="a public random value from after the last contribution"`,
    `nacre zk setup verify ${quoted(here(path))} --ptau POWERS.ptau --zkey ${final}`,
  ]
}
