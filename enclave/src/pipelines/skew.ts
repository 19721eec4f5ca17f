import { inkOf } from './ink.ts'
import type { Grey } from './png.ts'

/** Slopes that are tried, rise over run: scans are a degree or two off. */
const STEEPEST = 0.06
const STEP = 0.002

/** The picture with its lines level: each column moved up or down by the slope at which rows of ink are sharpest. */
export function straighten(picture: Grey): Grey {
  const slope = slopeOf(picture)
  return slope === 0 ? picture : shear(picture, slope)
}

function slopeOf(picture: Grey): number {
  const points = pointsOf(picture)
  let best = { slope: 0, sharpness: sharpnessOf(points, picture, 0) }
  for (let i = 1; i * STEP <= STEEPEST; i++) {
    for (const slope of [i * STEP, -i * STEP]) {
      const sharpness = sharpnessOf(points, picture, slope)
      if (sharpness > best.sharpness) best = { slope, sharpness }
    }
  }
  return best.slope
}

type Point = { x: number; y: number }

/** The inked pixels of every fourth column: enough for a slope. Every row, since rows are what is compared. */
function pointsOf(picture: Grey): Point[] {
  const { width, height } = picture
  const ink = inkOf(picture)
  const points: Point[] = []
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x += 4) if (ink[y * width + x] === 1) points.push({ x, y })
  return points
}

/** Rows are full of ink or empty when the lines are level: then the squares of their ink are greatest. */
function sharpnessOf(points: Point[], { width, height }: Grey, slope: number): number {
  const reach = Math.ceil(STEEPEST * width)
  const rows = new Float64Array(height + 2 * reach + 2)
  for (const { x, y } of points) {
    const at = Math.round(y - slope * x) + reach
    rows[at] = rows[at]! + 1
  }
  return rows.reduce((sum, count) => sum + count * count, 0)
}

/** Moves each column by the slope, with part of a pixel between two; beyond the edge the edge is repeated. */
function shear({ width, height, pixels }: Grey, slope: number): Grey {
  const moved = new Uint8Array(width * height)
  for (let x = 0; x < width; x++) {
    const shift = slope * (x - width / 2)
    const whole = Math.floor(shift)
    const part = shift - whole
    for (let y = 0; y < height; y++) {
      const a = Math.min(Math.max(0, y + whole), height - 1)
      const b = Math.min(Math.max(0, y + whole + 1), height - 1)
      moved[y * width + x] = pixels[a * width + x]! * (1 - part) + pixels[b * width + x]! * part + 0.5
    }
  }
  return { width, height, pixels: moved }
}
