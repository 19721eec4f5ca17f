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
  dense(pass, { x: tensor, weight, bias }, j) {
    const [x, y, w] = [pass.tensor(tensor), pass.tensor(j + 1), pass.weights[weight]!]
    const b = bias === undefined ? undefined : pass.weights[bias]!
    const [outputs, features] = pass.graph.parameters[weight]!.dims as [number, number]
    const [fromStride, toStride] = [2 ** bits(features), 2 ** bits(outputs)]
    for (const row of paddedIndices(pass.dims(tensor).slice(0, -1))) {
      for (let n = 0; n < outputs; n++) {
        let sum = b?.[n] ?? 0
        const [from, at] = [row * fromStride, n * features]
        for (let k = 0; k < features; k++) sum = (sum + Math.imul(x[from + k]!, w[at + k]!)) | 0
        y[row * toStride + n] = sum
      }
    }
  },

  conv(pass, node, j) {
    const [x, y, w] = [pass.tensor(node.x), pass.tensor(j + 1), pass.weights[node.weight]!]
    const b = node.bias === undefined ? undefined : pass.weights[node.bias]!
    const [batch, channels, height, width] = pass.dims(node.x) as [number, number, number, number]
    const [, outputs, rows, cols] = pass.dims(j + 1) as [number, number, number, number]
    const [, , kernelY, kernelX] = pass.graph.parameters[node.weight]!.dims as [
      number,
      number,
      number,
      number,
    ]
    const [xs, ys] = [strides(pass.dims(node.x)), strides(pass.dims(j + 1))]
    const [strideY, strideX] = node.stride
    const [top, , left] = node.pads
    for (let image = 0; image < batch; image++)
      for (let n = 0; n < outputs; n++)
        for (let oy = 0; oy < rows; oy++) {
          const to = image * ys[0]! + n * ys[1]! + oy * ys[2]!
          const line = y.subarray(to, to + cols).fill(b?.[n] ?? 0)
          for (let c = 0; c < channels; c++)
            for (let ky = 0; ky < kernelY; ky++) {
              const iy = oy * strideY + ky - top
              if (iy < 0 || iy >= height) continue
              const from = image * xs[0]! + c * xs[1]! + iy * xs[2]!
              const at = ((n * channels + c) * kernelY + ky) * kernelX
              addLine(line, x, from, width, w, at, kernelX, strideX, left)
            }
        }
  },

  unfold(pass, node, j) {
    const [x, y] = [pass.tensor(node.x), pass.tensor(j + 1)]
    const [, , height, width] = pass.dims(node.x) as [number, number, number, number]
    const dims = pass.dims(j + 1) as [number, number, number, number, number, number]
    const [xs, ys] = [strides(pass.dims(node.x)), strides(dims)]
    const [strideY, strideX] = node.stride
    const [top, , left] = node.pads
    for (let plane = 0; plane < dims[0] * dims[1]; plane++) {
      const [image, c] = [Math.floor(plane / dims[1]), plane % dims[1]]
      for (let oy = 0; oy < dims[2]; oy++)
        for (let ox = 0; ox < dims[3]; ox++)
          for (let ky = 0; ky < dims[4]; ky++)
            for (let kx = 0; kx < dims[5]; kx++) {
              const [iy, ix] = [oy * strideY + ky - top, ox * strideX + kx - left]
              if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue
              const to = image * ys[0]! + c * ys[1]! + oy * ys[2]! + ox * ys[3]! + ky * ys[4]! + kx
              y[to] = x[image * xs[0]! + c * xs[1]! + iy * xs[2]! + ix]!
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

/** Adds a line of a kernel over a line of an image to a line of results. */
function addLine(
  line: Int32Array,
  x: Int32Array,
  from: number,
  width: number,
  w: Int32Array,
  at: number,
  kernel: number,
  stride: number,
  left: number,
): void {
  for (let kx = 0; kx < kernel; kx++) {
    const weight = w[at + kx]!
    const first = Math.max(0, Math.ceil((left - kx) / stride))
    const end = Math.min(line.length, Math.floor((width - 1 - kx + left) / stride) + 1)
    for (let ox = first; ox < end; ox++) {
      line[ox] = (line[ox]! + Math.imul(weight, x[from + ox * stride + kx - left]!)) | 0
    }
  }
}
