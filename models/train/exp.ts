/**
 * e^x from additions and multiplications only. IEEE 754 fixes their results to the last bit on every
 * machine, while `Math.exp` may change with the JavaScript engine: training must give the same bytes
 * everywhere. Relative error below 1e-12 for x in [-700, 700]; below it 0, above it Infinity.
 */
export function exp(x: number): number {
  if (x < -700) return 0
  if (x > 700) return Infinity
  let reduced = x
  let squarings = 0
  while (reduced > 0.5 || reduced < -0.5) {
    reduced *= 0.5
    squarings++
  }
  let result = taylor(reduced)
  while (squarings-- > 0) result *= result
  return result
}

/** Horner's scheme; 14 terms leave less than 2^-53 for |x| ≤ 0.5. */
function taylor(x: number): number {
  let sum = 1
  for (let term = 14; term > 0; term--) sum = 1 + (x / term) * sum
  return sum
}
