import { proofsError } from '../../errors.ts'
import type { Network } from './network.ts'
import type { OnnxModel, OnnxNode } from './onnx.ts'
import { OPERATORS } from './operators.ts'
import {
  inputValue,
  isLastAxis,
  number,
  push,
  type State,
  tensorOf,
  unsupported,
  type Value,
} from './state.ts'

/**
 * The network of an ONNX model, in the operators that integers have: one input, one output, the batch first.
 * @throws NacreError unsupported-operator, with the operator and the node; shape-mismatch
 */
export function lowerOnnx(model: OnnxModel): Network {
  const [input, ...more] = model.inputs
  if (!input || more.length > 0 || model.outputs.length !== 1)
    throw proofsError(
      'unsupported-operator',
      `${model.inputs.length} inputs and ${model.outputs.length} outputs, one of each is read`,
    )
  const dims = input.dims.slice(1)
  if (dims.length === 0 || dims.some(dim => dim < 1))
    throw proofsError(
      'shape-mismatch',
      `the input "${input.name}" has dimensions [${input.dims}]: all but the first, the batch, must be given`,
    )
  const network: Network = {
    input: { dims, type: input.type, scale: 1, offset: 0 },
    nodes: [],
    output: 0,
    notes: [],
  }
  const values = new Map<string, Value>([[input.name, { input: { scale: 1, offset: 0 } }]])
  const state: State = { model, network, values, constants: new Map(model.constants) }
  for (const node of model.nodes) lowerNode(state, node)
  network.output = tensorOf(state, model.outputs[0]!, model.outputs[0]!)
  return network
}

function lowerNode(state: State, node: OnnxNode): void {
  const result = node.outputs[0]!
  if (node.op === 'Cast' && !FLOATS.includes(number(node.attributes.get('to'), 0)))
    throw unsupported(node, 'only to floats')
  if (PASSED.has(node.op) || node.op === 'Cast') {
    state.values.set(result, inputValue(state, node, 0))
    return
  }
  if (node.op === 'Softmax' && state.model.outputs[0] === result && isLastAxis(state, node)) {
    state.network.notes.push(`Softmax of node "${node.name}" is left out: the outputs are logits`)
    state.values.set(result, inputValue(state, node, 0))
    return
  }
  const folded = foldIntoInput(state, node)
  if (folded) {
    state.values.set(result, folded)
    return
  }
  const lower = OPERATORS[node.op]
  if (!lower)
    throw proofsError('unsupported-operator', `${node.op} of node "${node.name}"; known are ${KNOWN}`)
  const made = lower(state, node)
  if (typeof made === 'number') state.values.set(result, { tensor: made })
  else if ('op' in made) state.values.set(result, { tensor: push(state, node, made) })
  else state.values.set(result, made)
}

/** What changes no value. */
const PASSED = new Set(['Identity', 'Dropout'])

/** Types that a Cast may have as its target: float, float16, double. */
const FLOATS = [1, 10, 11]

const KNOWN = [...Object.keys(OPERATORS), ...PASSED, 'Cast', 'Constant'].sort().join(', ')

/** Arithmetic with one constant, on the raw input. */
function foldIntoInput(state: State, node: OnnxNode): Value | undefined {
  const value = state.values.get(node.inputs[0]!)
  const constant = state.constants.get(node.inputs[1] ?? '')
  if (!value || !('input' in value) || constant?.values.length !== 1) return undefined
  const c = constant.values[0]!
  const { scale, offset } = value.input
  if (node.op === 'Div') return { input: { scale: scale / c, offset: offset / c } }
  if (node.op === 'Mul') return { input: { scale: scale * c, offset: offset * c } }
  if (node.op === 'Add') return { input: { scale, offset: offset + c } }
  if (node.op === 'Sub') return { input: { scale, offset: offset - c } }
  return undefined
}
