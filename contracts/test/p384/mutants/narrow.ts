import { numberOf } from '../hint.ts'
import type { Mutant } from './mutant.ts'

export const MODULUS = 'uint256 m = ((h2 >> 8) | (1 << 247)) | 3;'

/** M of fewer bits, in the original too: what a forgery costs falls with it, and so shows what the check is worth. */
export function narrow(bits: number): NonNullable<Mutant['setting']> {
  return {
    why: `M of ${bits} bits in place of 248`,
    edits: [[MODULUS, `uint256 m = ((h2 >> ${256 - bits}) | (1 << ${bits - 1})) | 3;`]],
  }
}

export const narrowModulus =
  (bits: number) =>
  (h2: Uint8Array): bigint =>
    (numberOf(h2) >> BigInt(256 - bits)) | (1n << BigInt(bits - 1)) | 3n
