/** The values of a circuit's wires (docs/zk-groth16.md, section 1). */
import { proofsError } from '../../errors.ts'
import { checkValues } from '../graph/reference.ts'
import { type Circuit, firstInputOf } from './circuit.ts'
import type { ModelCircuit } from './emit.ts'
import { MODULUS, mod } from './field.ts'
import { evaluate, type Linear } from './linear.ts'

/**
 * The only values that satisfy a circuit for these inputs.
 * @param input row-major, batch first
 * @throws NacreError invalid-input, zk-value-out-of-range
 */
export function witnessOf(circuit: ModelCircuit, input: Int32Array): bigint[] {
  const { graph } = circuit
  checkValues(graph, 0, input, circuit.inputs)
  return solve(
    circuit,
    Array.from(input, value => BigInt(value - graph.input.lo)),
  )
}

/** All wires from the private inputs. @throws NacreError zk-value-out-of-range where a number has no such bits */
export function solve(circuit: Circuit, privateInputs: readonly bigint[]): bigint[] {
  const { wires, inputs, constraints, steps } = circuit
  if (privateInputs.length !== inputs)
    throw proofsError('invalid-input', `${privateInputs.length} values for ${inputs} inputs`)
  const values = new Array<bigint>(wires).fill(0n)
  values[0] = 1n
  const first = firstInputOf(circuit)
  for (const [i, value] of privateInputs.entries()) values[first + i] = value
  for (const step of steps) {
    if (step.kind === 'product') {
      const { a, b, c } = constraints[step.constraint]!
      // c is the wire and what is known already; the wire's own value is still 0.
      values[step.wire] = mod(evaluate(a, values) * evaluate(b, values) - evaluate(c, values))
      continue
    }
    let number = evaluate(step.of, values)
    for (let i = 0; i < step.count; i++) {
      values[step.first + i] = number & 1n
      number >>= 1n
    }
    if (number !== 0n) throw proofsError('zk-value-out-of-range', `a number of more than ${step.count} bits`)
  }
  return values
}

/** The number of the first constraint that values violate; undefined if they satisfy all. */
export function firstViolated({ constraints }: Circuit, values: readonly bigint[]): number | undefined {
  const at = constraints.findIndex(
    ({ a, b, c }) => mod(evaluate(a, values) * evaluate(b, values)) !== evaluate(c, values),
  )
  return at < 0 ? undefined : at
}

/** The outputs that a witness has, in the graph's order. */
export function outputsOf({ outputs }: ModelCircuit, values: readonly bigint[]): Int32Array[] {
  return outputs.map(output => Int32Array.from(output, value => signed(value, values)))
}

function signed(linear: Linear, values: readonly bigint[]): number {
  const value = evaluate(linear, values)
  return Number(value > MODULUS / 2n ? value - MODULUS : value)
}
