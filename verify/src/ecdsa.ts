import { type WeierstrassPointCons, weierstrass } from '@noble/curves/abstract/weierstrass.js'
import { concat, toHex } from './bytes.ts'

// The two equations of ECDSA over noble's fields and points, which check every number and point that they read.
// noble's own ECDSA can also sign, and brings a random generator and a DER codec that no verifier runs: 4 kB more
// to download (docs/decisions/0009-ecdsa-over-nobles-points.md). A test compares the two.

type Curve = WeierstrassPointCons<bigint>

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

/** SP 800-186, section 3.2.1.3. */
const p256: Curve = /* @__PURE__ */ weierstrass({
  p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
  n: P256_ORDER,
  h: 1n,
  a: 0xffffffff00000001000000000000000000000000fffffffffffffffffffffffcn,
  b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  Gx: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  Gy: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
})

/** SP 800-186, section 3.2.1.4. */
const p384: Curve = /* @__PURE__ */ weierstrass({
  p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
  n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  h: 1n,
  a: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000fffffffcn,
  b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  Gx: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
  Gy: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
})

/** SEC 2, version 2, section 2.4.1. The endomorphism (x, y) -> (beta x, y) halves the work; noble's numbers for it. */
const secp256k1: Curve = /* @__PURE__ */ weierstrass(
  {
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn,
    n: SECP256K1_ORDER,
    h: 1n,
    a: 0n,
    b: 7n,
    Gx: 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
    Gy: 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
  },
  {
    endo: {
      beta: 0x7ae96a2b657c07106e64479eac3434e99cf0497512f58995c1396c28719501een,
      basises: [
        [0x3086d221a7d46bcde86c90e49284eb15n, -0xe4437ed6010e88286f547fa90abfe4c3n],
        [0x114ca50f7a8e2f3f657c1108d9d44cfd8n, 0x3086d221a7d46bcde86c90e49284eb15n],
      ],
    },
  },
)

/** Half of each curve's order: of the two signatures of a message, s and n - s, one is at most this. */
export const HALF_ORDER: { p256: bigint; secp256k1: bigint } = {
  p256: P256_ORDER >> 1n,
  secp256k1: SECP256K1_ORDER >> 1n,
}

/**
 * Whether a key (65 bytes 04|x|y) signed a digest of 32 bytes, over P-256 (FIPS 186-5, section 6.4.2); signature
 * r|s, s low or high. Throws where an argument is malformed.
 */
export function verifyP256(digest: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  return verify(p256, digest, signature, publicKey)
}

/** The same over P-384, with a digest of 48 bytes and a key of 97. */
export function verifyP384(digest: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  return verify(p384, digest, signature, publicKey)
}

/**
 * Uncompressed public key (65 bytes) that made a signature r|s over a digest of 32 bytes, over secp256k1 (SEC 1,
 * version 2, section 4.1.6); `recovery` says whether y of the point with x = r is odd. Throws when there is none.
 */
export function recoverSecp256k1(digest: Uint8Array, signature: Uint8Array, recovery: 0 | 1): Uint8Array {
  const { Fn, BASE } = secp256k1
  const { r, s } = readSignature(secp256k1, signature)
  const inverse = Fn.inv(r)
  const point = secp256k1.fromBytes(concat(Uint8Array.of(2 + recovery), signature.subarray(0, 32)))
  const factor = Fn.neg(Fn.mul(readDigest(secp256k1, digest), inverse))
  // The point at infinity is no key: its encoding throws.
  return BASE.mulAddUnsafe(factor, point, Fn.mul(s, inverse)).toBytes(false)
}

function verify(curve: Curve, digest: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  const { Fn, BASE } = curve
  const { r, s } = readSignature(curve, signature)
  const inverse = Fn.inv(s)
  const key = curve.fromBytes(publicKey)
  const point = BASE.mulAddUnsafe(Fn.mul(readDigest(curve, digest), inverse), key, Fn.mul(r, inverse))
  return !point.is0() && Fn.create(point.x) === r
}

/** Both numbers of a signature, from 1 to the order less 1; noble refuses one of another size. */
function readSignature({ Fn }: Curve, signature: Uint8Array): { r: bigint; s: bigint } {
  const [r, s] = [Fn.fromBytes(signature.subarray(0, Fn.BYTES)), Fn.fromBytes(signature.subarray(Fn.BYTES))]
  if (!Fn.isValidNot0(r) || !Fn.isValidNot0(s)) throw new Error('a signature with a zero')
  return { r, s }
}

/** A digest as a number below the order: each order has the digest's bits, so that none is cut off. */
function readDigest({ Fn }: Curve, digest: Uint8Array): bigint {
  if (digest.length !== Fn.BYTES) throw new Error(`a digest of ${digest.length} bytes, expected ${Fn.BYTES}`)
  return Fn.create(BigInt(toHex(digest)))
}
