/** The virtual tensors' integers on padded vectors: docs/zk-soundness.md section 2.2. Results are exact in 32 bits. */
import type { NodeOf, Op } from '../graph/graph.ts'
import { bits, paddedSizeOf, sizeOf } from '../graph/limits.ts'
import type { Pass } from './pass.ts'
import { paddedIndices } from './points.ts'

type VirtualOp = Exclude<Op, 'lookup' | 'max' | 'argmax'>
type Virtual = { [O in VirtualOp]: (pass: Pass, node: NodeOf<O>, j: number) => void }

/** The padded index of an element, of its indices. */
const strides = (dims: readonly number[]): number[] => dims.map((_, i) => paddedSizeOf(dims.slice(i + 1)))

export const VIRTUAL: Virtual = {
  dense(pass, { x, weight, bias }, j) {
    const [outputs, features] = pass.graph.parameters[weight]!.dims as [number, number]
    const [fromStride, toStride] = [2 ** bits(features), 2 ** bits(outputs)]
    const [from, to, w, b] = [pass.at(x), pass.at(j + 1), pass.weightsAt(weight), pass.weightsAt(bias)]
    for (const row of paddedIndices(pass.dims(x).slice(0, -1)))
      pass.kernels.denseI32(to + 4 * row * toStride, from + 4 * row * fromStride, w, b, outputs, features)
  },

  conv(pass, { x, weight, bias, stride, pads }, j) {
    const [from, to] = [pass.dims(x), pass.dims(j + 1)]
    const kernel = pass.graph.parameters[weight]!.dims.slice(2)
    const steps = [...strides(from).slice(0, -1), ...strides(to).slice(0, -1)]
    const shape = [...from, ...to.slice(1), ...kernel, ...stride, pads[0], pads[2], ...steps]
    const [w, b] = [pass.weightsAt(weight), pass.weightsAt(bias)]
    pass.kernels.convI32(pass.at(j + 1), pass.at(x), w, b, pass.put(shape))
  },

  unfold(pass, node, j) {
    const [x, y] = [pass.tensor(node.x), pass.tensor(j + 1)]
    const [, , height, width] = pass.dims(node.x) as [number, number, number, number]
    const dims = pass.dims(j + 1) as [number, number, number, number, number, number]
    const [xs, ys] = [strides(pass.dims(node.x)), strides(dims)]
    const [strideY, strideX] = node.stride
    const [top, , left] = node.pads
    const [, channels, rows, cols, kernelY, kernelX] = dims
    for (let plane = 0; plane < dims[0] * channels; plane++) {
      const image = Math.floor(plane / channels)
      const fromPlane = image * xs[0]! + (plane % channels) * xs[1]!
      const toPlane = image * ys[0]! + (plane % channels) * ys[1]!
      for (let oy = 0; oy < rows; oy++)
        for (let ky = 0; ky < kernelY; ky++) {
          const iy = oy * strideY + ky - top
          if (iy < 0 || iy >= height) continue
          const from = fromPlane + iy * xs[2]!
          for (let ox = 0; ox < cols; ox++) {
            const to = toPlane + oy * ys[2]! + ox * ys[3]! + ky * ys[4]!
            const first = ox * strideX - left
            const end = Math.min(kernelX, width - first)
            for (let kx = Math.max(0, -first); kx < end; kx++) y[to + kx] = x[from + first + kx]!
          }
        }
    }
  },

  sum(pass, { x: tensor }, j) {
    const [x, y] = [pass.tensor(tensor), pass.tensor(j + 1)]
    const size = x.length / y.length
    for (let i = 0; i < x.length; i++) y[Math.floor(i / size)]! += x[i]!
  },

  matmul(pass, { a: left, b: right, transposed }, j) {
    const [a, b, y] = [pass.tensor(left), pass.tensor(right), pass.tensor(j + 1)]
    const dims = pass.dims(left)
    const [rows, inner] = dims.slice(-2) as [number, number]
    const cols = pass.dims(j + 1).at(-1)!
    const [as, bs, ys] = [left, right, j + 1].map(tensor => strides(pass.dims(tensor)))
    const [stepB, stepD] = (transposed ? [bs!.at(-2)!, 1] : [1, bs!.at(-2)!]) as [number, number]
    for (const o of paddedIndices(dims.slice(0, -2)))
      for (let i = 0; i < rows; i++)
        for (let k = 0; k < cols; k++) {
          const [fromA, fromB] = [o * as!.at(-3)! + i * as!.at(-2)!, o * bs!.at(-3)! + k * stepB]
          let sum = 0
          for (let d = 0; d < inner; d++) sum = (sum + Math.imul(a[fromA + d]!, b[fromB + d * stepD]!)) | 0
          y[o * ys!.at(-3)! + i * ys!.at(-2)! + k] = sum
        }
  },

  add(pass, { a: left, b: right, ca, cb }, j) {
    const [a, b, y] = [pass.tensor(left), pass.tensor(right), pass.tensor(j + 1)]
    const last = pass.dims(left).length > pass.dims(right).length ? pass.dims(left).at(-1)! : 1
    const shift = bits(last)
    for (let o = 0; o < b.length; o++)
      for (let k = 0; k < last; k++) {
        const i = (o << shift) | k
        y[i] = Math.imul(ca, a[i]!) + Math.imul(cb, b[o]!)
      }
  },

  mul(pass, { a: left, b: right }, j) {
    const [a, b, y] = [pass.tensor(left), pass.tensor(right), pass.tensor(j + 1)]
    const shift = bits(a.length / b.length)
    for (let i = 0; i < a.length; i++) y[i] = Math.imul(a[i]!, b[i >>> shift]!)
  },

  reshape(pass, { x: tensor }, j) {
    const [x, y] = [pass.tensor(tensor), pass.tensor(j + 1)]
    const [from, to] = [paddedIndices(pass.dims(tensor)), paddedIndices(pass.dims(j + 1))]
    for (let i = 0; i < from.length; i++) y[to[i]!] = x[from[i]!]!
  },

  permute(pass, { x: tensor, axes }, j) {
    const [x, y] = [pass.tensor(tensor), pass.tensor(j + 1)]
    const dims = pass.dims(j + 1)
    const xs = strides(pass.dims(tensor))
    const steps = [xs[0]!, ...axes.map(axis => xs[axis + 1]!)]
    const to = paddedIndices(dims)
    const count = sizeOf(dims)
    for (let i = 0; i < count; i++) {
      let [rest, from] = [i, 0]
      for (let k = dims.length - 1; k >= 0; k--) {
        from += (rest % dims[k]!) * steps[k]!
        rest = Math.floor(rest / dims[k]!)
      }
      y[to[i]!] = x[from]!
    }
  },
}
