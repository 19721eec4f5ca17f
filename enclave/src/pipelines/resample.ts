import type { Grey } from './png.ts'

/** A picture in another size: each new pixel is a mean of the old ones, weighted by a triangle over them. */
export function resample(picture: Grey, width: number, height: number): Float32Array {
  const across = weightsOf(picture.width, width)
  const down = weightsOf(picture.height, height)
  const narrow = new Float32Array(width * picture.height)
  for (let y = 0; y < picture.height; y++)
    for (let x = 0; x < width; x++) {
      let sum = 0
      for (const [from, weight] of across[x]!) sum += weight * picture.pixels[y * picture.width + from]!
      narrow[y * width + x] = sum
    }
  const small = new Float32Array(width * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let sum = 0
      for (const [from, weight] of down[y]!) sum += weight * narrow[from * width + x]!
      small[y * width + x] = sum
    }
  return small
}

/** For each new place, the old ones that it is made of and their shares, which add up to 1. */
function weightsOf(before: number, after: number): [number, number][][] {
  const scale = before / after
  const reach = Math.max(1, scale)
  return Array.from({ length: after }, (_, place) => {
    const middle = (place + 0.5) * scale - 0.5
    const parts: [number, number][] = []
    for (let from = Math.ceil(middle - reach); from <= middle + reach; from++) {
      const weight = 1 - Math.abs(from - middle) / reach
      if (weight > 0) parts.push([Math.min(Math.max(0, from), before - 1), weight])
    }
    const total = parts.reduce((sum, [, weight]) => sum + weight, 0)
    return parts.map(([from, weight]) => [from, weight / total])
  })
}
