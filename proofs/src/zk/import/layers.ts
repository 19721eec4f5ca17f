import type { Stride } from '../graph/graph.ts'
import type { FloatTensor } from './network.ts'
import type { OnnxNode } from './onnx.ts'
import {
  type Affine,
  constantOf,
  dimsOf,
  inputValue,
  type Lower,
  list,
  type Made,
  mismatch,
  number,
  type State,
  unsupported,
  x,
} from './state.ts'

/** Layers with weights, and pooling. */

export const lowerGemm: Lower = (state, node) => {
  const weight = constantOf(state, node, 1)
  if (number(node.attributes.get('transA'), 0) !== 0) throw unsupported(node, 'transA')
  const alpha = number(node.attributes.get('alpha'), 1)
  const beta = number(node.attributes.get('beta'), 1)
  const rows = number(node.attributes.get('transB'), 0) === 1 ? weight : transposed(node, weight)
  const scaled = { dims: rows.dims, values: rows.values.map(value => value * alpha) }
  const bias = node.inputs[2] ? constantOf(state, node, 2).values.map(value => value * beta) : undefined
  return dense(state, node, scaled, bias)
}

/** A tensor as a dense layer takes it: gain and offset of a normalisation go into the layer's weights. */
function denseInput(state: State, node: OnnxNode): { from: number; affine?: Affine | undefined } {
  const value = inputValue(state, node, 0)
  return 'tensor' in value ? { from: value.tensor, affine: value.affine } : { from: x(state, node) }
}

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

export function lowerMatmul(state: State, node: OnnxNode): Made {
  if (state.constants.has(node.inputs[1]!))
    return dense(state, node, transposed(node, constantOf(state, node, 1)))
  const [a, b] = [x(state, node, 0), x(state, node, 1)]
  const [aDims, bDims] = [dimsOf(state, a), dimsOf(state, b)]
  const outer = aDims.slice(0, -2)
  if (bDims.length < 2 || String(outer) !== String(bDims.slice(0, -2)) || aDims.at(-1) !== bDims.at(-2))
    throw mismatch(node, bDims, `[${[...outer, aDims.at(-1), 'any']}] as its second`)
  return { op: 'matmul', a, b, dims: [...aDims.slice(0, -1), bDims.at(-1)!] }
}

const isByte = (value: number | undefined): boolean => Number.isInteger(value) && value! >= 0 && value! < 256

/** ONNX has the pads' beginnings before their ends. */
function strideOf(node: OnnxNode): Stride {
  const [top, left, bottom, right] = list(node.attributes.get('pads'), [0, 0, 0, 0])
  const [vertical, horizontal] = list(node.attributes.get('strides'), [1, 1])
  const auto = node.attributes.get('auto_pad') ?? 'NOTSET'
  if (auto !== 'NOTSET' && auto !== 'VALID') throw unsupported(node, `auto_pad = ${auto}`)
  if (list(node.attributes.get('dilations'), [1, 1]).some(dilation => dilation !== 1))
    throw unsupported(node, 'dilations')
  const [strides, pads] = [
    [vertical, horizontal],
    [top, bottom, left, right],
  ]
  if (!strides.every(isByte) || strides.includes(0) || !pads.every(isByte))
    throw unsupported(node, 'strides or pads above 255')
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

export function lowerConv(state: State, node: OnnxNode): Made {
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

export function pool(op: 'average' | 'maximum') {
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
export function lowerAdd(state: State, node: OnnxNode): Made | number {
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
