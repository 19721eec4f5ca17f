import { proofsError } from '../../errors.ts'
import type { Stride } from '../graph/graph.ts'
import { type Activation, elements, type FloatNode, type FloatTensor, type Network } from './network.ts'
import type { Attribute, OnnxModel, OnnxNode } from './onnx.ts'

/** gain · x + offset along the last dimension. */
type Affine = { gain: Float64Array; offset: Float64Array }

/** What an ONNX value is: a tensor of the network, or the raw input up to a factor and an offset. */
type Value = { tensor: number; affine?: Affine } | { input: { scale: number; offset: number } }

type State = {
  model: OnnxModel
  network: Network
  values: Map<string, Value>
  constants: Map<string, FloatTensor>
}

/** A node without its name, as an operator's function makes it. */
type Made = FloatNode extends infer N ? (N extends FloatNode ? Omit<N, 'name'> : never) : never

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
  if (node.op === 'Constant') {
    const value = node.attributes.get('value')
    if (typeof value !== 'object' || Array.isArray(value)) throw unsupported(node, 'only tensors are read')
    state.constants.set(result, value)
    return
  }
  if (PASSED.has(node.op)) {
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
  if (!lower) throw unsupported(node)
  const made = lower(state, node)
  if (typeof made === 'number') state.values.set(result, { tensor: made })
  else if ('op' in made) state.values.set(result, { tensor: push(state, node, made) })
  else state.values.set(result, made)
}

/** What changes no value. */
const PASSED = new Set(['Identity', 'Dropout', 'Cast'])

function unsupported({ op, name }: OnnxNode, why = ''): Error {
  const known = [...Object.keys(OPERATORS), ...PASSED].sort().join(', ')
  return proofsError(
    'unsupported-operator',
    `${op} of node "${name}"${why ? `: ${why}` : `; known are ${known}`}`,
  )
}

function push({ network }: State, { name }: OnnxNode, made: Made): number {
  return network.nodes.push({ name, ...made } as FloatNode)
}

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

function inputValue(state: State, node: OnnxNode, index: number): Value {
  const value = state.values.get(node.inputs[index] ?? '')
  if (!value) throw unsupported(node, `its input "${node.inputs[index]}" is a constant or unknown`)
  return value
}

function tensorOf({ values, network }: State, name: string, node: string): number {
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

const dimsOf = ({ network }: State, tensor: number): number[] =>
  tensor === 0 ? network.input.dims : network.nodes[tensor - 1]!.dims

function constantOf(state: State, node: OnnxNode, index: number): FloatTensor {
  const constant = state.constants.get(node.inputs[index] ?? '')
  if (!constant) throw unsupported(node, `"${node.inputs[index]}" is computed, only constants are read there`)
  return constant
}

/** A tensor as a dense layer takes it: gain and offset of a normalisation go into the layer's weights. */
function denseInput(state: State, node: OnnxNode): { from: number; affine?: Affine | undefined } {
  const value = inputValue(state, node, 0)
  return 'tensor' in value ? { from: value.tensor, affine: value.affine } : { from: x(state, node) }
}

const number = (value: Attribute | undefined, otherwise: number): number =>
  typeof value === 'number' ? value : otherwise
const list = (value: Attribute | undefined, otherwise: number[]): number[] =>
  Array.isArray(value) ? value : otherwise

function isLastAxis(state: State, node: OnnxNode): boolean {
  const value = inputValue(state, node, 0)
  const rank = 'tensor' in value ? dimsOf(state, value.tensor).length : state.network.input.dims.length
  const axis = number(node.attributes.get('axis'), -1)
  return axis === -1 || axis === rank
}

const x = (state: State, node: OnnxNode, index = 0): number =>
  tensorOf(state, node.inputs[index] ?? '', node.name)

const activation =
  (f: Activation) =>
  (state: State, node: OnnxNode): Made => {
    const from = x(state, node)
    return { op: 'activation', x: from, f, dims: dimsOf(state, from) }
  }

/** A node's lowering: what it makes, or the tensor that it changes or equals. */
const OPERATORS: Record<
  string,
  (state: State, node: OnnxNode) => Made | number | { tensor: number; affine: Affine }
> = {
  Gemm(state, node) {
    const weight = constantOf(state, node, 1)
    if (number(node.attributes.get('transA'), 0) !== 0) throw unsupported(node, 'transA')
    const alpha = number(node.attributes.get('alpha'), 1)
    const beta = number(node.attributes.get('beta'), 1)
    const rows = number(node.attributes.get('transB'), 0) === 1 ? weight : transposed(node, weight)
    const scaled = { dims: rows.dims, values: rows.values.map(value => value * alpha) }
    const bias = node.inputs[2] ? constantOf(state, node, 2).values.map(value => value * beta) : undefined
    return dense(state, node, scaled, bias)
  },
  MatMul: lowerMatmul,
  Conv: lowerConv,
  Relu: activation('relu'),
  Sigmoid: activation('sigmoid'),
  Tanh: activation('tanh'),
  Gelu(state, node) {
    if (node.attributes.get('approximate') === 'tanh') throw unsupported(node, 'approximate = tanh')
    return activation('gelu')(state, node)
  },
  AveragePool: pool('average'),
  MaxPool: pool('maximum'),
  GlobalAveragePool(state, node) {
    const from = x(state, node)
    const [C, H, W] = dimsOf(state, from)
    if (H === undefined || W === undefined) throw mismatch(node, dimsOf(state, from), 'three dimensions')
    return { op: 'average', x: from, kernel: [H, W], stride: [1, 1], pads: [0, 0, 0, 0], dims: [C!, 1, 1] }
  },
  Add: lowerAdd,
  Mul: lowerScale,
  Div: lowerScale,
  Softmax: lowerSoftmax,
  LayerNormalization: lowerNormalisation,
  Flatten(state, node) {
    if (number(node.attributes.get('axis'), 1) !== 1) throw unsupported(node, 'only axis 1 is read')
    const from = x(state, node)
    return { op: 'reshape', x: from, dims: [elements(dimsOf(state, from))] }
  },
  Reshape(state, node) {
    const from = x(state, node)
    const [batch, ...wanted] = constantOf(state, node, 1).values
    const dims = dimsOf(state, from)
    if (batch === undefined || (batch > 1 && wanted.length > 0))
      throw unsupported(node, 'the first dimension must stay the batch')
    const given = wanted.map((dim, i) => (dim === 0 ? dims[i]! : dim))
    const known = given.filter(dim => dim > 0).reduce((n, dim) => n * dim, 1)
    const target = given.map(dim => (dim === -1 ? elements(dims) / known : dim))
    if (elements(target) !== elements(dims)) throw mismatch(node, dims, `as many elements as [${target}]`)
    return { op: 'reshape', x: from, dims: target }
  },
  Transpose(state, node) {
    const from = x(state, node)
    const dims = dimsOf(state, from)
    const [batch, ...axes] = list(node.attributes.get('perm'), [])
    if (batch !== 0 || axes.length !== dims.length)
      throw unsupported(node, 'the first dimension must stay the batch')
    return {
      op: 'permute',
      x: from,
      axes: axes.map(axis => axis - 1),
      dims: axes.map(axis => dims[axis - 1]!),
    }
  },
  ArgMax(state, node) {
    const from = x(state, node)
    const dims = dimsOf(state, from)
    const axis = number(node.attributes.get('axis'), 0)
    if ((axis !== -1 && axis !== dims.length) || number(node.attributes.get('keepdims'), 1) !== 0)
      throw unsupported(node, 'only over the last axis and with keepdims = 0')
    return { op: 'argmax', x: from, dims: dims.slice(0, -1) }
  },
}

const mismatch = ({ op, name }: OnnxNode, dims: readonly number[], wanted: string): Error =>
  proofsError('shape-mismatch', `${op} of node "${name}" has [${dims}] as its input, it takes ${wanted}`)

function transposed(node: OnnxNode, { dims, values }: FloatTensor): FloatTensor {
  const [rows, columns] = dims
  if (dims.length !== 2) throw mismatch(node, dims, 'a matrix as its weights')
  return {
    dims: [columns!, rows!],
    values: Float64Array.from(values, (_, i) => values[(i % rows!) * columns! + Math.floor(i / rows!)]!),
  }
}

function dense(state: State, node: OnnxNode, weight: FloatTensor, bias?: Float64Array): Made {
  const { from, affine } = denseInput(state, node)
  const dims = dimsOf(state, from)
  const [N, K] = weight.dims as [number, number]
  if (weight.dims.length !== 2 || dims.at(-1) !== K) throw mismatch(node, dims, `${K} elements at last`)
  if (bias && bias.length !== N) throw mismatch(node, [bias.length], `a bias of ${N}`)
  const made: Made = { op: 'dense', x: from, weight, dims: [...dims.slice(0, -1), N], ...(bias && { bias }) }
  if (!affine) return made
  const { values } = weight
  const offset = Float64Array.from({ length: N }, (_, n) =>
    affine.offset.reduce((total, value, k) => total + value * values[n * K + k]!, bias?.[n] ?? 0),
  )
  return {
    ...made,
    weight: { dims: [N, K], values: values.map((w, i) => w * affine.gain[i % K]!) },
    bias: offset,
  }
}

function lowerMatmul(state: State, node: OnnxNode): Made {
  if (state.constants.has(node.inputs[1]!))
    return dense(state, node, transposed(node, constantOf(state, node, 1)))
  const [a, b] = [x(state, node, 0), x(state, node, 1)]
  const [aDims, bDims] = [dimsOf(state, a), dimsOf(state, b)]
  const outer = aDims.slice(0, -2)
  if (bDims.length < 2 || String(outer) !== String(bDims.slice(0, -2)) || aDims.at(-1) !== bDims.at(-2))
    throw mismatch(node, bDims, `[${[...outer, aDims.at(-1), 'any']}] as its second`)
  return { op: 'matmul', a, b, dims: [...aDims.slice(0, -1), bDims.at(-1)!] }
}

/** A factor, which only changes what an integer stands for. */
function lowerScale(state: State, node: OnnxNode): Made {
  const constant = [0, 1].find(i => state.constants.has(node.inputs[i]!)) ?? 1
  const { values } = constantOf(state, node, constant)
  const factor = node.op === 'Div' ? 1 / values[0]! : values[0]!
  if (values.length !== 1 || !(factor > 0) || (node.op === 'Div' && constant === 0))
    throw unsupported(node, 'only by one number above 0')
  const from = x(state, node, 1 - constant)
  return { op: 'scale', x: from, factor, dims: dimsOf(state, from) }
}

function lowerNormalisation(state: State, node: OnnxNode): { tensor: number; affine: Affine } {
  const from = x(state, node)
  const dims = dimsOf(state, from)
  const width = dims.at(-1)!
  const axis = number(node.attributes.get('axis'), -1)
  if (axis !== -1 && axis !== dims.length) throw unsupported(node, 'only over the last axis')
  const gain = constantOf(state, node, 1).values
  const offset = node.inputs[2] ? constantOf(state, node, 2).values : new Float64Array(width)
  if (gain.length !== width || offset.length !== width)
    throw mismatch(node, dims, `${gain.length} elements at last`)
  const centred = push(state, node, { op: 'centre', x: from, dims })
  return { tensor: push(state, node, { op: 'normalise', x: centred, dims }), affine: { gain, offset } }
}

function lowerSoftmax(state: State, node: OnnxNode): Made {
  if (!isLastAxis(state, node)) throw unsupported(node, 'only over the last axis')
  const from = x(state, node)
  return { op: 'softmax', x: from, dims: dimsOf(state, from) }
}

/** ONNX has the pads' beginnings before their ends. */
function strideOf(node: OnnxNode): Stride {
  const [top, left, bottom, right] = list(node.attributes.get('pads'), [0, 0, 0, 0])
  const [vertical, horizontal] = list(node.attributes.get('strides'), [1, 1])
  const auto = node.attributes.get('auto_pad') ?? 'NOTSET'
  if (auto !== 'NOTSET' && auto !== 'VALID') throw unsupported(node, `auto_pad = ${auto}`)
  if (list(node.attributes.get('dilations'), [1, 1]).some(dilation => dilation !== 1))
    throw unsupported(node, 'dilations')
  return { stride: [vertical!, horizontal!], pads: [top!, bottom!, left!, right!] }
}

function windowDims(
  node: OnnxNode,
  dims: readonly number[],
  kernel: readonly number[],
  { stride, pads }: Stride,
): number[] {
  if (dims.length !== 3) throw mismatch(node, dims, 'channels, rows and columns')
  const side = (axis: 0 | 1): number =>
    Math.floor((dims[axis + 1]! + pads[2 * axis]! + pads[2 * axis + 1]! - kernel[axis]!) / stride[axis]) + 1
  const sides = [side(0), side(1)]
  if (sides.some(length => length < 1)) throw mismatch(node, dims, `at least the kernel’s [${kernel}]`)
  return sides
}

function lowerConv(state: State, node: OnnxNode): Made {
  const from = x(state, node)
  const dims = dimsOf(state, from)
  const weight = constantOf(state, node, 1)
  const stride = strideOf(node)
  if (number(node.attributes.get('group'), 1) !== 1) throw unsupported(node, 'groups')
  if (weight.dims.length !== 4 || weight.dims[1] !== dims[0])
    throw mismatch(node, dims, `${weight.dims[1]} channels`)
  const bias = node.inputs[2] ? constantOf(state, node, 2).values : undefined
  const sides = windowDims(node, dims, weight.dims.slice(2), stride)
  return { op: 'conv', x: from, weight, ...(bias && { bias }), ...stride, dims: [weight.dims[0]!, ...sides] }
}

function pool(op: 'average' | 'maximum') {
  return (state: State, node: OnnxNode): Made => {
    const from = x(state, node)
    const kernel = list(node.attributes.get('kernel_shape'), [])
    const stride = strideOf(node)
    const padded = stride.pads.some(width => width > 0)
    if (kernel.length !== 2) throw unsupported(node, 'only two dimensions are pooled')
    if (number(node.attributes.get('ceil_mode'), 0) !== 0) throw unsupported(node, 'ceil_mode')
    if (op === 'average' && padded && number(node.attributes.get('count_include_pad'), 0) !== 1)
      throw unsupported(node, 'pads that are not counted')
    const previous = state.network.nodes[from - 1]
    if (
      op === 'maximum' &&
      padded &&
      !(previous?.op === 'activation' && ['relu', 'sigmoid'].includes(previous.f))
    )
      throw unsupported(node, 'pads of an input that may be negative')
    const sides = windowDims(node, dimsOf(state, from), kernel, stride)
    return {
      op,
      x: from,
      kernel: [kernel[0]!, kernel[1]!],
      ...stride,
      dims: [dimsOf(state, from)[0]!, ...sides],
    }
  }
}

/** Of two tensors, or a constant that is a dense layer's bias. */
function lowerAdd(state: State, node: OnnxNode): Made | number {
  const constant = [0, 1].find(i => state.constants.has(node.inputs[i]!))
  if (constant === undefined) {
    const [a, b] = [x(state, node, 0), x(state, node, 1)]
    if (String(dimsOf(state, a)) !== String(dimsOf(state, b)))
      throw mismatch(node, dimsOf(state, b), `[${dimsOf(state, a)}]`)
    return { op: 'add', a, b, dims: dimsOf(state, a) }
  }
  const tensor = x(state, node, 1 - constant)
  const layer = state.network.nodes[tensor - 1]
  const { values } = constantOf(state, node, constant)
  const uses = state.model.nodes
    .flatMap(other => other.inputs)
    .filter(name => name === node.inputs[1 - constant])
  const isBias = layer?.op === 'dense' && uses.length === 1 && values.length === layer.dims.at(-1)
  if (layer?.op !== 'dense' || !isBias)
    throw unsupported(node, 'a constant may be added only as the bias of the MatMul before it')
  layer.bias = values.map((value, n) => value + (layer.bias?.[n] ?? 0))
  return tensor
}
