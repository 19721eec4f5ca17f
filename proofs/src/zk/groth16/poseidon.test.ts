import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { expect, test } from 'vitest'
import { fieldBytes, inverse, MODULUS, mod } from './field.ts'
import { parametersOf } from './grain.ts'
import { poseidon, poseidonChain } from './poseidon.ts'

const upTo = (n: number): bigint[] => Array.from({ length: n }, (_, i) => BigInt(i + 1))

test('Poseidon is circomlib’s', () => {
  // Published with circomlib and circomlibjs, in their tests.
  expect(poseidon([1n])).toBe(18586133768512220936620570745912940619677854269274689475585506675881198879027n)
  expect(poseidon([1n, 2n])).toBe(0x115cc0f5e7d690413df64c6b9662e9cf2a3617f2743245519e19607a4417189an)
  expect(poseidon(upTo(4))).toBe(0x299c867db6c1fdd79dcefa40e4510b9837e60ebb1ce0663dbaa525df65250465n)
  expect(poseidon(upTo(16))).toBe(0x16159a551cbb66108281a48099fff949ae08afd7f1f2ec06de2ffb96b919b765n)
  expect(poseidon([1n, 2n, 0n, 0n, 0n])).toBe(
    0x024058dd1e168f34bac462b6fffe58fd69982807e9884c1c6148182319cee427n,
  )
  expect(poseidon([1n, 2n, 0n, 0n, 0n, 0n])).toBe(
    0x21e82f465e00a15965e97a44fe3c30f3bf5279d8bf37d4e65765b6c2550f42a1n,
  )
})

test('the generator makes all constants of circomlib', () => {
  const hash = sha256.create()
  for (let width = 2; width <= 17; width++) {
    const { constants, matrix } = parametersOf(width)
    for (const value of [...constants, ...matrix.flat()]) hash.update(fieldBytes(value))
  }
  // Of poseidon_constants.json of circomlibjs 0.1.7: for each width C, then M, 32 bytes each, most significant first.
  expect(bytesToHex(hash.digest())).toBe('5243c148ce09f35ab26d165cebb81c7effd00e89f3c0ae46df35177bebee4135')
})

test('a list longer than one permutation is chained: 16 elements, then 15 with what came of them', () => {
  expect(poseidonChain(upTo(3))).toBe(poseidon(upTo(3)))
  expect(poseidonChain(upTo(16))).toBe(poseidon(upTo(16)))
  const list = upTo(33)
  const second = poseidon([poseidon(list.slice(0, 16)), ...list.slice(16, 31)])
  expect(poseidonChain(list)).toBe(poseidon([second, ...list.slice(31)]))
})

test('nothing and more than 16 elements are refused', () => {
  expect(() => poseidon([])).toThrow(RangeError)
  expect(() => poseidon(upTo(17))).toThrow(RangeError)
})

test('an inverse times its element is 1', () => {
  for (const value of [1n, 2n, MODULUS - 1n, 12345678901234567890n])
    expect(mod(value * inverse(value))).toBe(1n)
})
