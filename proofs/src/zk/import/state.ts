import { proofsError } from '../../errors.ts'
import { elements, type FloatNode, type FloatTensor, type Network } from './network.ts'
import type { Attribute, OnnxModel, OnnxNode } from './onnx.ts'

/** What the lowering of ONNX knows of the nodes behind it, and its errors. */

/** gain · x + offset along the last dimension. */
export type Affine = { gain: Float64Array; offset: Float64Array }

/** What an ONNX value is: a tensor of the network, or the raw input up to a factor and an offset. */
export type Value = { tensor: number; affine?: Affine } | { input: { scale: number; offset: number } }

export type State = {
  model: OnnxModel
  network: Network
  values: Map<string, Value>
  constants: Map<string, FloatTensor>
}

/** A node without its name, as an operator's function makes it. */
export type Made = FloatNode extends infer N ? (N extends FloatNode ? Omit<N, 'name'> : never) : never

/** What an operator's function gives: a node to add, a tensor that it equals, or one to be taken with a gain and an offset. */
export type Lowered = Made | number | { tensor: number; affine: Affine }

export type Lower = (state: State, node: OnnxNode) => Lowered

/** Elements of one tensor: the limit of docs/zk-soundness.md, section 2.1, for one input. */
const MAX_ELEMENTS = 2 ** 22

export const unsupported = ({ op, name }: OnnxNode, why: string): Error =>
  proofsError('unsupported-operator', `${op} of node "${name}": ${why}`)

export const mismatch = ({ op, name }: OnnxNode, dims: readonly number[], wanted: string): Error =>
  proofsError('shape-mismatch', `${op} of node "${name}" has [${dims}] as its input, it takes ${wanted}`)

/** Adds a node. @throws NacreError model-too-large */
export function push({ network }: State, { name, op }: OnnxNode, made: Made): number {
  if (elements(made.dims) > MAX_ELEMENTS)
    throw proofsError(
      'model-too-large',
      `${op} of node "${name}" makes [${made.dims}], at most ${MAX_ELEMENTS} elements are`,
    )
  return network.nodes.push({ name, ...made } as FloatNode)
}

export function inputValue(state: State, node: OnnxNode, index: number): Value {
  const value = state.values.get(node.inputs[index] ?? '')
  if (!value) throw unsupported(node, `its input "${node.inputs[index]}" is a constant or unknown`)
  return value
}

export function tensorOf({ values, network }: State, name: string, node: string): number {
  const value = values.get(name)
  if (!value) throw proofsError('shape-mismatch', `"${name}" of node "${node}" is a constant or unknown`)
  if ('tensor' in value) {
    if (!value.affine) return value.tensor
    throw proofsError(
      'unsupported-operator',
      `node "${node}" takes a LayerNormalization with a scale or an offset; only dense layers do`,
    )
  }
  // The first node that takes the input: from now on it is a tensor, with this factor and offset.
  const { scale, offset } = network.input
  const isFirst = [...values.values()].every(other => !('tensor' in other))
  if (!isFirst && (scale !== value.input.scale || offset !== value.input.offset))
    throw proofsError(
      'unsupported-operator',
      `node "${node}" takes the input with another factor than the nodes before`,
    )
  Object.assign(network.input, value.input)
  return 0
}

export const dimsOf = ({ network }: State, tensor: number): number[] =>
  tensor === 0 ? network.input.dims : network.nodes[tensor - 1]!.dims

export function constantOf(state: State, node: OnnxNode, index: number): FloatTensor {
  const constant = state.constants.get(node.inputs[index] ?? '')
  if (!constant) throw unsupported(node, `"${node.inputs[index]}" is computed, only constants are read there`)
  return constant
}

export const number = (value: Attribute | undefined, otherwise: number): number =>
  typeof value === 'number' ? value : otherwise
export const list = (value: Attribute | undefined, otherwise: number[]): number[] =>
  Array.isArray(value) ? value : otherwise

export function isLastAxis(state: State, node: OnnxNode): boolean {
  const value = inputValue(state, node, 0)
  const rank = 'tensor' in value ? dimsOf(state, value.tensor).length : state.network.input.dims.length
  const axis = number(node.attributes.get('axis'), -1)
  return axis === -1 || axis === rank
}

export const x = (state: State, node: OnnxNode, index = 0): number =>
  tensorOf(state, node.inputs[index] ?? '', node.name)
