import { lowerAdd, lowerConv, lowerGemm, lowerMatmul, pool } from './layers.ts'
import { type Activation, elements } from './network.ts'
import type { OnnxNode } from './onnx.ts'
import {
  type Affine,
  constantOf,
  dimsOf,
  isLastAxis,
  type Lower,
  list,
  type Made,
  mismatch,
  number,
  push,
  type State,
  unsupported,
  x,
} from './state.ts'

const activation =
  (f: Activation) =>
  (state: State, node: OnnxNode): Made => {
    const from = x(state, node)
    return { op: 'activation', x: from, f, dims: dimsOf(state, from) }
  }

/** ONNX's operators that integers have. */
export const OPERATORS: Readonly<Record<string, Lower>> = {
  Gemm: lowerGemm,
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
    if (batch === undefined || batch > 1) throw unsupported(node, 'the first dimension must stay the batch')
    const given = wanted.map((dim, i) => (dim === 0 ? dims[i]! : dim))
    const known = given.filter(dim => dim > 0).reduce((n, dim) => n * dim, 1)
    const target = given.map(dim => (dim === -1 ? elements(dims) / known : dim))
    if (elements(target) !== elements(dims) || !target.every(Number.isInteger))
      throw mismatch(node, dims, `as many elements as [${target}]`)
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
