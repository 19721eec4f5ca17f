import { signed, universal } from '../cases.ts'
import { inverse, mod, P } from '../curve.ts'
import { complete, type Draft, foldOf, honest, type Making, prepare, withNonce } from '../forge.ts'
import { baseOf, DOCUMENTED, passesRound, type Rules } from '../transcript.ts'
import type { Attack, Mutant } from './mutant.ts'
import { MODULUS, narrow, narrowModulus } from './narrow.ts'

/** Steps 5 and 6: the bits of M, and that it is prime. */
const TEST = 'prime := and(prime, and(done, or(eq(power, 1), eq(power, sub(m, 1)))))'
const CALL = 'staticcall(gas(), 5, MODEXP, 0xc0, MODEXP, 32)'
/** Bits of a modulus for which composite ones that pass a round are soon found. */
const SMALL = 16
/** Of one that has only small factors. */
const SMOOTH = 56

/** Contracts of the test chain that answer in place of MODEXP: 1, but by a revert; 1, but in 64 bytes. */
export const STUBS = {
  failing: { address: '0x00000000000000000000000000000000badc0de1', code: '0x600160005260206000fd' },
  long: { address: '0x00000000000000000000000000000000badc0de2', code: '0x600160005260406000f3' },
} as const

export const MODULI: Mutant[] = [
  {
    step: 5,
    check: 'M ≥ 2^247',
    edits: [[MODULUS, 'uint256 m = (h2 >> 8) | 3;']],
    kind: 'encoding',
    original: 'ModulusNotPrime',
    attack: () =>
      withRules('top bit', { modulus: h2 => DOCUMENTED.modulus(h2) & clearTop(h2) }, m => m < 1n << 247n),
  },
  {
    step: 5,
    check: 'M ≡ 3 mod 4: only then are the two values of the test all that it needs',
    edits: [[MODULUS, 'uint256 m = ((h2 >> 8) | (1 << 247)) | 1;']],
    kind: 'encoding',
    original: 'ModulusNotPrime',
    attack: () =>
      withRules('bit 1', { modulus: h2 => clear(DOCUMENTED.modulus(h2), h2, 2n) }, m => m % 4n === 1n),
  },
  {
    step: 5,
    check: 'M is odd (implied by the prime test: without it half of the nonces are lost)',
    edits: [[MODULUS, 'uint256 m = ((h2 >> 8) | (1 << 247)) | 2;']],
    kind: 'completeness',
    original: 'accepted',
    mutant: 'ModulusNotPrime',
    attack: () => withRules('bit 0', {}, (_, h2) => (h2[30]! & 1) === 0),
  },
  {
    step: 6,
    check: 'M is prime: with small factors, and K chosen so that all of them divide E - K p',
    setting: narrow(SMOOTH),
    edits: [[TEST, 'prime := and(prime, done)']],
    kind: 'forgery',
    original: 'ModulusNotPrime',
    attack: smooth,
  },
  {
    step: 6,
    check: 'M is prime: any composite one of full size',
    edits: [[TEST, 'prime := and(prime, done)']],
    kind: 'encoding',
    original: 'ModulusNotPrime',
    attack: composite,
  },
  ...['first', 'second'].map(
    (name, round): Mutant => ({
      step: 6,
      check: `the ${name} round counts`,
      setting: narrow(SMALL),
      edits: [
        round === 0
          ? [TEST, TEST.replace('and(prime, and(', 'and(not(0), and(')]
          : ['PRIME_ROUNDS = 2', 'PRIME_ROUNDS = 1'],
      ],
      kind: 'encoding',
      original: 'ModulusNotPrime',
      attack: () => pseudoprime((m, h2) => passesRound(m, baseOf(h2, 1 - round)), `round ${round}`),
    }),
  ),
  {
    step: 6,
    check: 'each round has a base of its own',
    setting: narrow(SMALL),
    edits: [['add(TAG3, i)', 'TAG3']],
    kind: 'encoding',
    original: 'ModulusNotPrime',
    attack: () => pseudoprime((m, h2) => passesRound(m, baseOf(h2, 0)), 'one base'),
  },
  {
    step: 6,
    check: 'the bases are hashed from h2',
    setting: narrow(SMALL),
    edits: [['mstore(MODEXP, h2)', 'mstore(MODEXP, 7)']],
    kind: 'encoding',
    original: 'ModulusNotPrime',
    attack: () => {
      const seven = new Uint8Array(32).with(31, 7)
      return pseudoprime(m => [0, 1].every(i => passesRound(m, baseOf(seven, i))), 'fixed bases')
    },
  },
  {
    step: 6,
    check: 'a MODEXP that fails refuses',
    setting: {
      why: 'a MODEXP that says 1 and fails',
      edits: [[CALL, CALL.replace('5', STUBS.failing.address)]],
    },
    edits: [['done := and(done, eq(returndatasize(), 32))', 'done := eq(returndatasize(), 32)']],
    kind: 'encoding',
    original: 'ModulusNotPrime',
    attack: composite,
  },
  {
    step: 6,
    check: 'a MODEXP with an answer of another length refuses',
    setting: {
      why: 'a MODEXP that says 1 in 64 bytes',
      edits: [[CALL, CALL.replace('5', STUBS.long.address)]],
    },
    edits: [['done := and(done, eq(returndatasize(), 32))', '']],
    kind: 'encoding',
    original: 'ModulusNotPrime',
    attack: composite,
  },
]

/** An honest hint, but for the rules that M follows. */
function withRules(
  name: string,
  changed: Partial<Rules>,
  suits: (m: bigint, h2: Uint8Array) => boolean,
): Attack {
  const rules: Rules = { ...DOCUMENTED, ...changed }
  const { statement, point } = signed(name)
  const draft = honest(statement, point)
  const { h1 } = prepare(draft, { rules })
  const making: Making = { rules, suits: (m, hint) => suits(m, rules.h2(h1, hint)) }
  return { statement, hint: complete(draft, making) }
}

/** All ones but for the top bit where h2 has none. */
const clearTop = (h2: Uint8Array): bigint => (h2[0]! & 0x80 ? (1n << 248n) - 1n : (1n << 247n) - 1n)

const clear = (m: bigint, h2: Uint8Array, bit: bigint): bigint => (BigInt(h2[30]!) & bit ? m : m - bit)

function composite(): Attack {
  return withRules('composite', { isPrime: (m, h2) => !DOCUMENTED.isPrime(m, h2) }, () => true)
}

/** An honest hint with a composite M of few bits that passes what is left of the test, and not what the page asks. */
function pseudoprime(passes: (m: bigint, h2: Uint8Array) => boolean, name: string): Attack {
  const whole = (m: bigint, h2: Uint8Array) => DOCUMENTED.isPrime(m, h2)
  return withRules(
    name,
    { modulus: narrowModulus(SMALL), isPrime: (m, h2) => passes(m, h2) && !whole(m, h2) },
    () => true,
  )
}

/** E ≡ K p modulo every odd prime below 2,800, for a trace that ends anywhere; then M with no other factors. */
function smooth(): Attack {
  const draft: Draft = universal()
  const rules: Rules = { ...DOCUMENTED, modulus: narrowModulus(SMOOTH), isPrime: m => product % m === 0n }
  const product = oddPrimesBelow(2800).reduce((a, q) => a * q, 1n)
  const { hint, h1 } = prepare(draft, { rules })
  const k = mod(foldOf(draft.statement, hint, h1, { rules }) * inverse(P, product), product)
  return { statement: draft.statement, hint: withNonce({ ...hint, k }, h1, { rules }) }
}

function oddPrimesBelow(bound: number): bigint[] {
  const primes: number[] = []
  for (let q = 3; q < bound; q += 2) if (primes.every(prime => q % prime !== 0)) primes.push(q)
  return primes.map(BigInt)
}
