import { bn254 } from '@noble/curves/bn254.js'
import { expect, test } from 'vitest'
import { decodeKey, elementsOf, encodeKey, keyHash, MAX_KEY_FILE, type VerificationKey } from './key.ts'
import { COORDINATE_MODULUS, type G1, type G2, G2_GENERATOR } from './points.ts'

const g1 = (scalar: bigint): G1 => bn254.G1.Point.BASE.multiply(scalar).toAffine()
const g2 = (scalar: bigint): G2 => bn254.G2.Point.BASE.multiply(scalar).toAffine()

function keyWith(changes: Partial<VerificationKey> = {}): VerificationKey {
  const shape = { setup: 'development' as const, width: 9, lo: -128, dims: [1, 3], ...changes }
  const ic = Array.from({ length: 2 + elementsOf(shape).elements }, (_, i) => g1(BigInt(7 + i)))
  return { ...shape, alpha: g1(2n), beta: g2(3n), gamma: g2(4n), delta: g2(5n), ic, ...changes }
}

const ceremony = { setup: 'ceremony' as const, gamma: G2_GENERATOR }

test.each([
  ['one number', { width: 32, lo: -(2 ** 31), dims: [1] }],
  ['a matrix, of a ceremony', { ...ceremony, width: 8, lo: 0, dims: [4, 8] }],
  ['as many elements and dimensions as there may be', { width: 1, dims: [1, 1, 1, 1, 1, 1, 16, 253] }],
])('a key of %s is read as it was written', (_, changes) => {
  const key = keyWith(changes)
  const file = encodeKey(key)
  expect(decodeKey(file)).toEqual(key)
  expect(file.length).toBeLessThanOrEqual(MAX_KEY_FILE)
})

test('the bytes are those of the document', () => {
  const file = encodeKey(keyWith())
  expect([...file.subarray(0, 24)]).toEqual([
    78, 90, 75, 71, 1, 1, 9, 0, 0, 0, 3, 255, 255, 255, 128, 2, 0, 0, 0, 1, 0, 0, 0, 3,
  ])
  expect(file.length).toBe(24 + 64 + 3 * 128 + 3 * 64)
  // EIP-197: the imaginary part of x first.
  const { beta } = keyWith()
  expect(BigInt(`0x${Buffer.from(file.subarray(88, 120)).toString('hex')}`)).toBe(beta.x.c1)
  expect(keyHash(file)).toHaveLength(32)
})

const codeOf = (make: () => unknown): string | undefined => {
  try {
    make()
  } catch (error) {
    return (error as { code?: string }).code ?? 'none'
  }
  return undefined
}

test('what is not exactly a key file is none', () => {
  const file = encodeKey(keyWith())
  const changed = (at: number, value: number) => Uint8Array.from(file, (byte, i) => (i === at ? value : byte))
  for (let size = 0; size < file.length; size++)
    expect(codeOf(() => decodeKey(file.subarray(0, size)))).toBe('zk-invalid-key')
  expect(codeOf(() => decodeKey(Uint8Array.from([...file, 0])))).toBe('zk-invalid-key')
  expect(codeOf(() => decodeKey(new Uint8Array(MAX_KEY_FILE + 1)))).toBe('zk-invalid-key')
  expect(codeOf(() => decodeKey(changed(4, 2)))).toBe('zk-unsupported-version')
  const rules = {
    magic: [0, 0],
    'another setup than gamma says': [5, 0],
    'unknown setup': [5, 2],
    'no width': [6, 0],
    width: [6, 33],
    count: [10, 4],
    'no rank': [15, 0],
    rank: [15, 9],
    dims: [23, 2],
    'x of alpha': [24, 255],
    'y of beta': [215, 1],
  }
  for (const [rule, [at, value]] of Object.entries(rules))
    expect(
      codeOf(() => decodeKey(changed(at!, value!))),
      rule,
    ).toBe('zk-invalid-key')
})

test('points that no setup has are refused', () => {
  const { alpha, ic } = keyWith()
  const twist = { x: { c0: 1n, c1: 0n }, y: { c0: 0n, c1: 0n } }
  const wrong: Record<string, Partial<VerificationKey>> = {
    'not on the curve': { alpha: { x: alpha.x, y: alpha.y + 1n } },
    'not canonical': { alpha: { x: alpha.x, y: alpha.y + COORDINATE_MODULUS } },
    infinite: { alpha: { x: 0n, y: 0n } },
    'one too few': { ic: ic.slice(1) },
    'one that is free': { ic: [...ic.slice(1), { x: 0n, y: 0n }] },
    'not on the twist': { beta: twist },
    'not of the prime order': { beta: outsideOfGroup() },
    'gamma of a ceremony': { gamma: G2_GENERATOR },
    'delta without a contribution': { ...ceremony, delta: G2_GENERATOR },
    'delta as gamma': { delta: g2(4n) },
    'more elements than a contract takes': { width: 1, dims: [16 * 253 + 1] },
  }
  for (const [rule, changes] of Object.entries(wrong))
    expect(
      codeOf(() => decodeKey(encodeKey(keyWith(changes)))),
      rule,
    ).toBe('zk-invalid-key')
})

/** A point of the twist whose order is not the groups’. */
function outsideOfGroup(): G2 {
  const { Fp2 } = bn254.fields
  const b = Fp2.sub(Fp2.sqr(G2_GENERATOR.y), Fp2.mul(Fp2.sqr(G2_GENERATOR.x), G2_GENERATOR.x))
  for (let c0 = 1n; ; c0++) {
    const x = { c0, c1: 0n }
    const square = Fp2.add(Fp2.mul(Fp2.sqr(x), x), b)
    try {
      const y = Fp2.sqrt(square)
      return { x, y: { c0: y.c0, c1: y.c1 } }
    } catch {
      // No root: the next.
    }
  }
}
