import { concat, fromHex, type Hex, keccak256, utf8 } from '@nacre/verify'
import { power } from './curve.ts'

/** Strong probable-prime tests of M: docs/p384-soundness.md, section 5. */
export const PRIME_ROUNDS = 2

const TAG: Uint8Array = concat(utf8('nacre.p384.modulus'), new Uint8Array(14))
const FIRST_BASE = 1n << 255n
/** Most composites have one of these factors. */
const SMALL_PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
]
const SMALL_PRODUCT = SMALL_PRIMES.reduce((product, prime) => product * BigInt(prime), 1n)

/** The first nonce with which M is prime; one in 86 is. */
export function findPrime(
  h1: Hex,
  quotients: Uint8Array,
  k: Uint8Array,
): { nonce: Uint8Array; modulus: bigint } {
  const nonce = new Uint8Array(8)
  const view = new DataView(nonce.buffer)
  for (let i = 0; ; i++) {
    view.setUint32(4, i)
    const h2 = keccak256(concat(TAG, fromHex(h1), quotients, nonce, k))
    const modulus = modulusOf(h2)
    if (!hasSmallFactor(modulus) && passes(modulus, h2)) return { nonce, modulus }
  }
}

/** 248 bits, the top one set, 3 modulo 4. */
function modulusOf(h2: Hex): bigint {
  return (BigInt(h2) >> 8n) | (1n << 247n) | 3n
}

function passes(modulus: bigint, h2: Hex): boolean {
  for (let i = 0n; i < PRIME_ROUNDS; i++) {
    const base = BigInt(keccak256(concat(fromHex(h2), fromHex(`0x${(FIRST_BASE + i).toString(16)}`))))
    const result = power(base, modulus >> 1n, modulus)
    if (result !== 1n && result !== modulus - 1n) return false
  }
  return true
}

function hasSmallFactor(modulus: bigint): boolean {
  const rest = modulus % SMALL_PRODUCT
  return SMALL_PRIMES.some(prime => rest % BigInt(prime) === 0n)
}
