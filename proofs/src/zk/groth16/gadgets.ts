/** What takes constraints: comparisons by bits (docs/zk-groth16.md, section 4). */
import type { Range } from '../graph/graph.ts'
import { bits } from '../graph/limits.ts'
import type { CircuitBuilder } from './circuit.ts'
import { add, constant, fromBits, type Linear, ONE, plus, subtract, ZERO } from './linear.ts'

/** 1 if the number of these bits, the lowest first, is above the bound, else 0. */
export function exceeds(builder: CircuitBuilder, digits: readonly Linear[], bound: number): Linear {
  let above: Linear = ZERO
  for (const [i, bit] of digits.entries()) {
    // Decided by the highest bit in which they differ, so later bits overrule what came before.
    const isSet = Math.floor(bound / 2 ** i) % 2 === 1
    above = isSet ? builder.product(bit, above) : builder.product(subtract(ONE, bit), above, bit)
  }
  return above
}

/** Refuses what is not from 0 to most. */
export function enforceRange(builder: CircuitBuilder, value: Linear, most: number): void {
  const above = exceeds(builder, builder.bits(value, bits(most + 1)), most)
  if (above.length > 0) builder.enforceZero(above)
}

/**
 * min(max(q, a), b) for q = ⌊numerator / 2^shift⌋, which is from lo to hi. A number of some bits has only those, so
 * quotient and remainder are the only ones.
 */
export function clampedQuotient(
  builder: CircuitBuilder,
  numerator: Linear,
  shift: number,
  { lo, hi }: Range,
  [a, b]: [number, number],
): Linear {
  // Everything is b, or a.
  if (lo >= b) return constant(BigInt(b))
  if (hi <= a) return constant(BigInt(a))
  // q - from, whose bits are those of the numerator behind the remainder; a sign is needed only if q may be below a.
  const from = Math.max(lo, a)
  const top = bits(Math.max(hi - from + 1, from - lo))
  const isSigned = lo < a
  const shifted = (isSigned ? 2 ** top : 0) - from
  const digits = builder.bits(
    add(numerator, constant(BigInt(shifted) << BigInt(shift))),
    shift + top + (isSigned ? 1 : 0),
  )
  const natural = digits.slice(shift, shift + top)
  const sign = isSigned ? digits.at(-1)! : ONE
  const clamped = upTo(builder, natural, b - from)
  return plus(builder.product(sign, clamped), from)
}

/** The smaller of bound and the number of these bits. */
function upTo(builder: CircuitBuilder, digits: readonly Linear[], bound: number): Linear {
  const value = fromBits(digits)
  if (2 ** digits.length - 1 <= bound) return value
  const above = exceeds(builder, digits, bound)
  return builder.product(above, subtract(constant(BigInt(bound)), value), value)
}

/** The largest of values from lo to hi. */
export function maximum(builder: CircuitBuilder, values: readonly Linear[], range: Range): Linear {
  return values.reduce((value, next) =>
    builder.product(isAbove(builder, next, value, range), subtract(next, value), value),
  )
}

/** The first index of the largest of values from lo to hi. */
export function firstMaximum(builder: CircuitBuilder, values: readonly Linear[], range: Range): Linear {
  let value = values[0]!
  let index: Linear = ZERO
  for (const [i, next] of values.entries()) {
    if (i === 0) continue
    const above = isAbove(builder, next, value, range)
    index = builder.product(above, subtract(constant(BigInt(i)), index), index)
    value = builder.product(above, subtract(next, value), value)
  }
  return index
}

/** 1 if a > b, else 0: the first of equals stays the largest. Both are from lo to hi. */
function isAbove(builder: CircuitBuilder, a: Linear, b: Linear, { lo, hi }: Range): Linear {
  const width = bits(hi - lo + 1)
  return builder.bits(plus(subtract(a, b), 2 ** width - 1), width + 1)[width]!
}
