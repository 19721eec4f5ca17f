/** What threads can share of a kernel's work. */
import type { RawKernels, SharedKernel } from './wasm.ts'

export type Work = {
  /** How many elements there are, and about how many nanoseconds each takes. */
  items: (...a: number[]) => [count: number, nanoseconds: number]
  /** Where sums go: which argument it is, and how many elements of K they are. */
  out?: [argument: number, sums: number]
}

export const WORK: Record<SharedKernel, Work> = {
  gather: { items: (_dst, _table, _index, n) => [n!, 4] },
  sumHalves: { items: (_dst, _src, n) => [n! / 2, 3] },
  addScaled: { items: (_dst, _src, n) => [n!, 8] },
  foldExt: { items: (_dst, _src, n) => [n! / 2, 8] },
  foldBase: { items: (_dst, _src, n) => [n! / 2, 4] },
  dotRows: { items: (_dst, _matrix, rows, cols) => [cols!, 2 * rows!] },
  dotCols: { items: (_dst, _matrix, rows, cols) => [rows!, 2 * cols!] },
  product2: { items: (_a, _b, n) => [n! / 2, 20], out: [3, 2] },
  product2Base: { items: (_a, _b, n) => [n! / 2, 10], out: [3, 2] },
  product3: { items: (_e, _a, _b, n) => [n! / 2, 60], out: [4, 3] },
  fractionTree: { items: (_p, _q, n) => [n! / 2, 25] },
  fractionRound: { items: (_p0, _s, _q0, _q1, _eq, n) => [n! / 2, 60], out: [6, 2] },
  encodeRows: { items: (_dst, _src, rows, c) => [rows!, 2 * (c! + 1) * 2 ** c!] },
  sha256Columns: { items: (_dst, _matrix, rows, n) => [n!, 6 * (rows! + 18)] },
  sha256Nodes: { items: (_dst, _src, n) => [n!, 250] },
}

export const SHARED_KERNELS = Object.keys(WORK) as SharedKernel[]

/** All of a kernel's elements, here. */
export function runAlone(raw: RawKernels, name: SharedKernel, a: readonly number[]): void {
  runPart(raw, name, a, 0, WORK[name].items(...a)[0])
}

/** Its elements from, ..., to - 1. */
export function runPart(
  raw: RawKernels,
  name: SharedKernel,
  a: readonly number[],
  from: number,
  to: number,
): void {
  const kernel = raw[name] as (...a: number[]) => void
  kernel(...a, from, to)
}
