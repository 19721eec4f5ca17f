/** Tables of real functions (docs/zk-soundness.md, section 2.2): what the importer and Appendix A's blocks look up. */

const MIN = -0x8000
const MAX = 0x7fff

/**
 * round(f(q)) for q = -2^(width-1), ..., 2^(width-1) - 1, kept within i16; NaN counts as 0.
 * @param width from 1 to 12
 */
export function tableOf(width: number, f: (q: number) => number): Int16Array {
  const half = 2 ** (width - 1)
  return Int16Array.from({ length: 2 * half }, (_, i) =>
    Math.min(Math.max(Math.round(f(i - half)) || 0, MIN), MAX),
  )
}

/** GELU by its tanh form, at most 127: q stands for q · inScale, the result for result · outScale. */
export function geluTable(width: number, inScale: number, outScale: number): Int16Array {
  return tableOf(width, q => {
    const x = q * inScale
    const gelu = (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
    return Math.min(gelu / outScale, 127)
  })
}

/** The logistic function, as geluTable. */
export function sigmoidTable(width: number, inScale: number, outScale: number): Int16Array {
  return tableOf(width, q => 1 / (1 + Math.exp(-q * inScale)) / outScale)
}

/** peak · exp(-scale · q); peak where q is below 0, which distances never are. */
export function exponentTable(width: number, scale: number, peak: number): Int16Array {
  return tableOf(width, q => peak * Math.exp(-scale * Math.max(q, 0)))
}

/** numerator / q; the largest i16 where it is beyond that, or q is not above 0. */
export function reciprocalTable(width: number, numerator: number): Int16Array {
  return tableOf(width, q => (q > 0 ? numerator / q : MAX))
}

/** numerator / √q, as reciprocalTable. */
export function inverseRootTable(width: number, numerator: number): Int16Array {
  return tableOf(width, q => (q > 0 ? numerator / Math.sqrt(q) : MAX))
}
