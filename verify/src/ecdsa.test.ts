import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HALF_ORDER, recoverSecp256k1, verifyP256 } from './ecdsa.ts'
import { toHex } from './index.ts'

type Curve = typeof p256 | typeof secp256k1

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const pair = (r: bigint, s: bigint): Uint8Array => Uint8Array.of(...word(r), ...word(s))
/** Any key, made of any bytes. */
const keyOf = (curve: Curve, seed: Uint8Array): Uint8Array =>
  word(curve.Point.Fn.create(BigInt(toHex(seed))) || 1n)
const outcome = <T>(run: () => T): T | 'throws' => {
  try {
    return run()
  } catch {
    return 'throws'
  }
}

/** noble's whole ECDSA, for comparison. */
const nobleVerify = (digest: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean =>
  p256.verify(signature, digest, key, { lowS: false, prehash: false })
const nobleRecover = (digest: Uint8Array, signature: Uint8Array, recovery: 0 | 1): Uint8Array =>
  secp256k1.Signature.fromBytes(Uint8Array.of(recovery, ...signature), 'recovered')
    .recoverPublicKey(digest)
    .toBytes(false)

test('what noble signs is accepted, and each of its bits counts', () => {
  const property = fc.property(bytes32, bytes32, fc.nat(8 * 64 - 1), (seed, digest, bit) => {
    const [p, k] = [keyOf(p256, seed), keyOf(secp256k1, seed)]
    const publicKey = p256.getPublicKey(p, false)
    const signed = p256.sign(digest, p, { prehash: false, lowS: false })
    expect(verifyP256(digest, signed, publicKey)).toBe(true)
    expect(outcome(() => verifyP256(digest, flipped(signed, bit), publicKey))).not.toBe(true)
    expect(verifyP256(flipped(digest, bit % 256), signed, publicKey)).toBe(false)

    const [recovery = 0, ...signature] = secp256k1.sign(digest, k, { prehash: false, format: 'recovered' })
    const recovered = recoverSecp256k1(digest, Uint8Array.from(signature), recovery as 0 | 1)
    expect(recovered).toEqual(secp256k1.getPublicKey(k, false))
  })
  fc.assert(property, { numRuns: 20 })
})

test('arbitrary signatures and digests come out as with noble', () => {
  const edges = [0n, 1n, 2n, ...[p256, secp256k1].flatMap(c => [c.Point.Fn.ORDER - 1n, c.Point.Fn.ORDER])]
  const number = fc.oneof(fc.constantFrom(...edges, 2n ** 256n - 1n).map(word), bytes32)
  const publicKey = p256.getPublicKey(word(7n), false)
  const property = fc.property(number, number, number, fc.constantFrom(0, 1), (digest, r, s, recovery) => {
    const signature = Uint8Array.of(...r, ...s)
    expect(outcome(() => verifyP256(digest, signature, publicKey)) === true).toBe(
      nobleVerify(digest, signature, publicKey),
    )
    expect(outcome(() => recoverSecp256k1(digest, signature, recovery as 0 | 1))).toEqual(
      outcome(() => nobleRecover(digest, signature, recovery as 0 | 1)),
    )
  })
  fc.assert(property, { numRuns: 150 })
})

describe('P-256 at its edges', () => {
  const { Fn, Fp, BASE } = p256.Point
  const digest = word(5n)

  test('r is the x of the point below the order, where x itself is above it', () => {
    const x = aboveTheOrder()
    const point = p256.Point.fromBytes(Uint8Array.of(2, ...word(x)))
    const r = Fn.create(x)
    // The key for which s = 9 is right: (s R - e G) / r.
    const key = point.multiply(9n).subtract(BASE.multiply(5n)).multiply(Fn.inv(r)).toBytes(false)
    expect(verifyP256(digest, pair(r, 9n), key)).toBe(true)
    expect(outcome(() => verifyP256(digest, pair(x, 9n), key))).toBe('throws')
  })

  test('the point at infinity is no signature', () => {
    // r = 3 and the key of -e/r: e G + r Q is nothing, whatever s is.
    const key = p256.getPublicKey(word(Fn.neg(Fn.mul(5n, Fn.inv(3n)))), false)
    expect(verifyP256(digest, pair(3n, 9n), key)).toBe(false)
  })

  test.each([
    ['off the curve', Uint8Array.of(4, ...word(1n), ...word(1n))],
    ['beyond the field', Uint8Array.of(4, ...word(Fp.ORDER), ...word(1n))],
    ['the point at infinity', Uint8Array.of(0)],
    ['all zero', new Uint8Array(65)],
    ['cut short', p256.getPublicKey(word(7n), false).subarray(0, 64)],
  ])('a key that is %s', (_, key) => {
    expect(outcome(() => verifyP256(digest, pair(1n, 1n), key))).toBe('throws')
  })

  /** The first x from the order on that a point has. */
  function aboveTheOrder(): bigint {
    let x = Fn.ORDER
    while (outcome(() => p256.Point.fromBytes(Uint8Array.of(2, ...word(x)))) === 'throws') x++
    return x
  }
})

test('no key over secp256k1 made a signature whose key would be the point at infinity', () => {
  const { Fn, BASE } = secp256k1.Point
  const point = BASE.multiply(11n)
  const recovery = point.y % 2n === 0n ? 0 : 1
  // s = e/k: s R - e G is nothing.
  const signature = pair(point.x, Fn.mul(5n, Fn.inv(11n)))
  expect(outcome(() => recoverSecp256k1(word(5n), signature, recovery))).toBe('throws')
})

test.each([
  [31, 64],
  [33, 64],
  [32, 63],
  [32, 65],
])('a digest of %i bytes under a signature of %i is refused', (digest, signature) => {
  const sizes = [new Uint8Array(digest).fill(1), new Uint8Array(signature).fill(1)] as const
  expect(outcome(() => verifyP256(...sizes, p256.getPublicKey(word(7n), false)))).toBe('throws')
  expect(outcome(() => recoverSecp256k1(...sizes, 0))).toBe('throws')
})

test('half of the orders', () => {
  expect(HALF_ORDER.p256).toBe(p256.Point.Fn.ORDER >> 1n)
  expect(HALF_ORDER.secp256k1).toBe(secp256k1.Point.Fn.ORDER >> 1n)
})

function word(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * (31 - i))) & 0xffn))
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}
