/** The network's own sums, in 32 bits, where they are exact (docs/zk-soundness.md, sections 2.2 and 2.4). */

/** y[n] = bias[n] + sum of x[k] w[n][k], n < outputs, k < features. No bias: 0. */
export function denseI32(y: usize, x: usize, w: usize, bias: usize, outputs: usize, features: usize): void {
  const whole = (features & ~3) << 2
  const size = features << 2
  for (let n: usize = 0; n < outputs; n++, w += size) {
    let sums = i32x4.splat(0)
    let k: usize = 0
    for (; k < whole; k += 16) sums = i32x4.add(sums, i32x4.mul(v128.load(x + k), v128.load(w + k)))
    let sum = bias === 0 ? 0 : load<i32>(bias + (n << 2))
    sum += i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1)
    sum += i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3)
    for (; k < size; k += 4) sum += load<i32>(x + k) * load<i32>(w + k)
    store<i32>(y + (n << 2), sum)
  }
}

/**
 * A line of results of a convolution: y[o] += sum over kx of w[kx] x[o stride + kx - left], o < cols, terms outside of
 * x's `width` left out.
 */
function convLineI32(
  y: usize, cols: i32, x: usize, width: i32, w: usize, kernel: i32, stride: i32, left: i32,
): void {
  for (let kx = 0; kx < kernel; kx++) {
    const weight = load<i32>(w + (<usize>kx << 2))
    const shift = kx - left
    // The least o with o stride + shift >= 0, and the least with o stride + shift >= width.
    let o = shift < 0 ? (stride - 1 - shift) / stride : 0
    const end = min(cols, shift < width ? (width - 1 - shift) / stride + 1 : 0)
    let from = x + (<usize>(o * stride + shift) << 2)
    let to = y + (<usize>o << 2)
    if (stride === 1) {
      const factor = i32x4.splat(weight)
      for (; o + 4 <= end; o += 4, to += 16, from += 16) {
        v128.store(to, i32x4.add(v128.load(to), i32x4.mul(v128.load(from), factor)))
      }
    }
    for (; o < end; o++, to += 4, from += <usize>stride << 2) store<i32>(to, load<i32>(to) + load<i32>(from) * weight)
  }
}

/** The shape of a convolution: what `convI32` reads at `shape`, each i32. Steps are distances of padded indices. */
@unmanaged
class Convolution {
  batch: i32; channels: i32; height: i32; width: i32
  outputs: i32; rows: i32; cols: i32
  kernelY: i32; kernelX: i32; strideY: i32; strideX: i32; top: i32; left: i32
  xImage: i32; xPlane: i32; xLine: i32
  yImage: i32; yPlane: i32; yLine: i32
}

/** y[n, oy, ox] = bias[n] + sum of w[n, c, ky, kx] x[c, oy strideY + ky - top, ox strideX + kx - left], for each image. */
export function convI32(y: usize, x: usize, w: usize, bias: usize, shape: usize): void {
  const s = changetype<Convolution>(shape)
  for (let image = 0; image < s.batch; image++) {
    for (let n = 0; n < s.outputs; n++) {
      const start = bias === 0 ? 0 : load<i32>(bias + (<usize>n << 2))
      for (let oy = 0; oy < s.rows; oy++) {
        const to = y + (<usize>(image * s.yImage + n * s.yPlane + oy * s.yLine) << 2)
        for (let ox = 0; ox < s.cols; ox++) store<i32>(to + (<usize>ox << 2), start)
        for (let c = 0; c < s.channels; c++) {
          for (let ky = 0; ky < s.kernelY; ky++) {
            const iy = oy * s.strideY + ky - s.top
            if (iy < 0 || iy >= s.height) continue
            const from = x + (<usize>(image * s.xImage + c * s.xPlane + iy * s.xLine) << 2)
            const at = w + (<usize>(((n * s.channels + c) * s.kernelY + ky) * s.kernelX) << 2)
            convLineI32(to, s.cols, from, s.width, at, s.kernelX, s.strideX, s.left)
          }
        }
      }
    }
  }
}
