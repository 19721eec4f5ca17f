import type { Grey } from './png.ts'

/** Ink is darker than this share of the paper around it. */
const DARKER = 0.87
/** Share of ink among the 25 pixels around one that is ink: less is a speck. */
const DENSE = 0.4

/** 1 where a picture is ink, 0 where it is paper or a speck; the light may differ over the picture. */
export function inkOf({ width, height, pixels }: Grey): Uint8Array {
  const around = Math.max(16, Math.round(Math.min(width, height) / 16))
  const grey = meansOf(pixels, width, height)
  const dark = new Uint8Array(width * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      // Against noise, the mean of nine pixels.
      dark[y * width + x] = grey(x, y, 1) < DARKER * grey(x, y, around) ? 1 : 0
  const inked = meansOf(dark, width, height)
  const ink = new Uint8Array(width * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (dark[y * width + x] === 1 && inked(x, y, 2) >= DENSE) ink[y * width + x] = 1
  return ink
}

/**
 * Gives means of squares that reach some pixels from one to each side, as far as the picture goes. Sums of all values
 * above and left of each place are made once: any rectangle's sum is four of them.
 */
function meansOf(values: Uint8Array, width: number, height: number) {
  const stride = width + 1
  const sums = new Uint32Array(stride * (height + 1))
  for (let y = 0; y < height; y++) {
    let row = 0
    for (let x = 0; x < width; x++) {
      row += values[y * width + x]!
      sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1]! + row
    }
  }
  return (x: number, y: number, reach: number): number => {
    const left = Math.max(0, x - reach)
    const right = Math.min(width, x + reach + 1)
    const above = Math.max(0, y - reach) * stride
    const below = Math.min(height, y + reach + 1) * stride
    const sum = sums[below + right]! - sums[below + left]! - sums[above + right]! + sums[above + left]!
    return (sum * stride) / ((right - left) * (below - above))
  }
}
