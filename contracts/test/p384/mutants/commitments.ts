import { closed, digestOf, FORGED, signed, universal, VICTIM, valid } from '../cases.ts'
import { G, inverse, mod, N, P, sure } from '../curve.ts'
import { complete, foldOf, honest, prepare, walk, withNonce } from '../forge.ts'
import type { Hint, Operation, Statement } from '../hint.ts'
import { rootOf } from '../polynomial.ts'
import { scalarsOf } from '../relations.ts'
import { DOCUMENTED, hash, partsOfH1, partsOfH2, type Rules } from '../transcript.ts'
import type { Mutant } from './mutant.ts'
import { narrow, narrowModulus } from './narrow.ts'

/** Steps 3 to 5: what the hashes cover. A field that is not covered is chosen when M, or the coefficients, are known. */
const H1 = 'let h1 := keccak256(FIRST, add(add(32, STATEMENT_SIZE), committed))'
const H2 = 'h2 := keccak256(SECOND, add(64, sub(hintSize, committed)))'
/** Of R's table, [15]R: no schedule here uses it. */
const UNUSED_SLOPE = 7

const FIELDS = [
  ['e', 'STATEMENT'],
  ['r', 'STATEMENT_R'],
  ['s', 'STATEMENT_S'],
  ['qx', 'STATEMENT_QX'],
  ['qy', 'STATEMENT_QY'],
] as const

export const COMMITMENTS: Mutant[] = [
  ...FIELDS.map(
    ([field, at]): Mutant => ({
      step: 3,
      check: `h1 covers ${field}`,
      edits: [[H1, without(H1, at)]],
      kind: 'forgery',
      original: 'ModulusNotPrime',
      attack: () => {
        const rules: Rules = { ...DOCUMENTED, h1: (s, h) => DOCUMENTED.h1({ ...s, [field]: 0n }, h) }
        const { statement, point } = signed(field)
        const hint = complete(honest(statement, point), { rules })
        const changed = { ...statement, [field]: statement[field] + modulusOf(statement, hint, rules) }
        return { statement: changed, hint }
      },
    }),
  ),
  {
    step: 3,
    check: 'h1 covers Y',
    edits: [[H1, without(H1, 'Y')]],
    kind: 'forgery',
    original: 'ModulusNotPrime',
    attack: () => {
      const rules: Rules = { ...DOCUMENTED, h1: (s, h) => DOCUMENTED.h1(s, { ...h, y: 0n }) }
      return afterwards(rules, 2, (hint, y) => ({ ...hint, y }))
    },
  },
  {
    step: 3,
    check: 'h1 covers the flags (there are two: it costs the attacker one bit)',
    edits: [[H1, `let saved := byte(0, mload(FLAGS)) mstore8(FLAGS, 0) ${H1} mstore8(FLAGS, saved)`]],
    kind: 'refusal',
    original: 'ModulusNotPrime',
    mutant: 'NotProven',
    attack: () => {
      const rules: Rules = { ...DOCUMENTED, h1: (s, h) => DOCUMENTED.h1(s, { ...h, flags: 0 }) }
      const { statement, hint } = valid('flags')
      const small = { ...statement, r: statement.r >> 200n }
      const flagged = { ...hint, flags: 1 }
      return { statement: small, hint: withNonce(flagged, rules.h1(small, flagged), { rules }) }
    },
  },
  {
    step: 3,
    check: 'h1 covers the schedule',
    setting: narrow(40),
    edits: [
      [
        H1,
        `mstore(0, keccak256(FIRST, 322))
            mstore(0x20, keccak256(mload(SCHEDULE_END), sub(add(FLAGS, committed), mload(SCHEDULE_END))))
            let h1 := keccak256(0, 64)`,
      ],
    ],
    kind: 'forgery',
    original: 'refused',
    attack: rescheduled,
  },
  {
    step: 3,
    check: 'h1 covers the slopes',
    edits: [[H1, 'let h1 := keccak256(FIRST, sub(mload(SCHEDULE_END), FIRST))']],
    kind: 'forgery',
    original: 'ModulusNotPrime',
    attack: () => {
      const rules: Rules = { ...DOCUMENTED, h1: withoutSlopes }
      return afterwards(rules, 1, (hint, slope) => ({ ...hint, slopes: withUnused(hint.slopes, slope) }))
    },
  },
  {
    step: 3,
    check: 'h1 covers the last slope',
    edits: [[H1, 'let h1 := keccak256(FIRST, add(add(32, STATEMENT_SIZE), sub(committed, 48)))']],
    kind: 'forgery',
    original: 'ModulusNotPrime',
    attack: () => {
      const rules: Rules = {
        ...DOCUMENTED,
        h1: (s, h) =>
          hash(...Object.values({ ...partsOfH1(s, h), slopes: partsOfH1(s, h).slopes.subarray(0, -48) })),
      }
      return afterwards(rules, 3, (hint, slope) => ({
        ...hint,
        slopes: [...hint.slopes.slice(0, -1), slope],
      }))
    },
  },
  {
    step: 4,
    check: 'coefficients depend on the slopes',
    edits: [['mstore(H1, h1)', 'mstore(H1, keccak256(FIRST, sub(mload(SCHEDULE_END), FIRST)))']],
    kind: 'forgery',
    original: 'NotProven',
    attack: () => {
      const rules: Rules = { ...DOCUMENTED, seed: (_, s, h) => withoutSlopes(s, h) }
      return solved(rules)
    },
  },
  {
    step: 5,
    check: 'h2 covers k1',
    edits: [[H2, `let saved := mload(K1) mstore(K1, 0) ${H2} mstore(K1, saved)`]],
    kind: 'forgery',
    original: 'ModulusNotPrime',
    attack: () => scalarAfterwards('k1'),
  },
  {
    step: 5,
    check: 'h2 covers k2',
    edits: [
      [
        H2,
        `let high := mload(K2) let low := mload(add(K2, 32)) mstore(K2, 0) mstore(add(K2, 32), 0)
            ${H2} mstore(K2, high) mstore(add(K2, 32), low)`,
      ],
    ],
    kind: 'forgery',
    original: 'ModulusNotPrime',
    attack: () => scalarAfterwards('k2'),
  },
  {
    step: 5,
    check: 'h2 covers the nonce',
    edits: [
      [
        H2,
        `let saved := mload(sub(K, 8)) mstore(sub(K, 8), shr(64, shl(64, saved))) ${H2} mstore(sub(K, 8), saved)`,
      ],
    ],
    kind: 'completeness',
    original: 'accepted',
    mutant: 'ModulusNotPrime',
    attack: () => valid('nonce'),
  },
  {
    step: 5,
    check: 'h2 covers h1: otherwise every M serves every h1, and 2^8 of each are enough for 2^16 pairs',
    setting: narrow(16),
    edits: [[H2, 'h2 := keccak256(K1, sub(hintSize, committed))']],
    kind: 'forgery',
    original: 'refused',
    attack: paired,
  },
  {
    step: 5,
    check: 'h2 covers K',
    edits: [[H2, 'h2 := keccak256(SECOND, 168)']],
    kind: 'forgery',
    original: 'ModulusNotPrime',
    attack: () => {
      const rules: Rules = {
        ...DOCUMENTED,
        h2: (h1, h) => hash(...Object.values({ ...partsOfH2(h1, h), k: new Uint8Array() })),
      }
      const draft = universal()
      const hint = complete(draft, { rules, k: 0n, kBytes: 32 })
      const h1 = rules.h1(draft.statement, hint)
      const m = modulusOf(draft.statement, hint, rules)
      const k = mod(foldOf(draft.statement, hint, h1) * inverse(P, m), m)
      return { statement: draft.statement, hint: { ...hint, k } }
    },
  },
]

/** Hashes with 48 bytes at a place set to zero for a moment. */
function without(text: string, at: string): string {
  return `let high := mload(${at}) let low := mload(add(${at}, 16)) mstore(${at}, 0) mstore(add(${at}, 16), 0)
            ${text} mstore(${at}, high) mstore(add(${at}, 16), low)`
}

const modulusOf = (statement: Statement, hint: Hint, rules: Rules): bigint =>
  rules.modulus(rules.h2(rules.h1(statement, hint), hint))

const withUnused = (slopes: bigint[], slope: bigint): bigint[] => slopes.with(UNUSED_SLOPE, slope)

function withoutSlopes(statement: Statement, hint: Hint): Uint8Array {
  return hash(...Object.values({ ...partsOfH1(statement, hint), slopes: new Uint8Array() }))
}

/** A field that enters no hash is chosen last: E is a polynomial in it, and a root modulo M is all that is needed. */
function afterwards(rules: Rules, degree: number, change: (hint: Hint, value: bigint) => Hint) {
  const { statement, ...draft } = universal()
  const { hint, h1 } = prepare({ statement, ...draft }, { rules, k: 0n, kBytes: 32 })
  for (let nonce = 0n; ; nonce++) {
    const proved = withNonce({ ...hint, nonce }, h1, { rules })
    const m = rules.modulus(rules.h2(h1, proved))
    const root = rootOf(value => foldOf(statement, change(proved, value), h1, { rules }), degree, m)
    if (root !== undefined) return { statement, hint: change(proved, root) }
    nonce = proved.nonce
  }
}

/** An unused slope makes E a multiple of p, since the coefficients do not depend on it. */
function solved(rules: Rules) {
  const draft = universal()
  const { hint, h1 } = prepare(draft, { rules })
  const slope = rootOf(
    value => foldOf(draft.statement, { ...hint, slopes: withUnused(hint.slopes, value) }, h1, { rules }),
    1,
    P,
  )
  const slopes = withUnused(draft.slopes, sure(slope))
  return { statement: draft.statement, hint: complete({ ...draft, slopes }, { rules }) }
}

/** R = [a]G + Q, so that the points close; one equation of the scalars is false, and its quotient is chosen last. */
function scalarAfterwards(which: 'k1' | 'k2') {
  const a = digestOf('a') >> 1n
  const { point, r, operations, slopes } = closed(a)
  const s = which === 'k1' ? mod(FORGED * inverse(a, N), N) : r
  const statement: Statement = { e: FORGED, r, s, qx: VICTIM[0], qy: VICTIM[1] }
  const rules: Rules = { ...DOCUMENTED, h2: (h1, h) => DOCUMENTED.h2(h1, { ...h, [which]: 0n }) }
  const hint = complete({ statement, y: point[1], operations, slopes }, { rules })
  const m = modulusOf(statement, hint, rules)
  const { v, w, g0, g1 } = scalarsOf(operations)
  const sum = which === 'k1' ? w * s + v * r : (g0 + (g1 << 192n)) * s + v * FORGED
  return { statement, hint: { ...hint, [which]: mod(sum * inverse(N, m), m) } }
}

/** Many M, made beforehand with K = 0, and many E: one M divides one E. */
function paired() {
  const rules: Rules = {
    ...DOCUMENTED,
    h2: (h1, h) =>
      hash(...Object.values({ ...partsOfH2(h1, h), tag: new Uint8Array(), h1: new Uint8Array() })),
    modulus: narrowModulus(16),
  }
  const draft = universal()
  const { hint, h1 } = prepare(draft, { rules, k: 0n, kBytes: 32 })
  const moduli = new Map<bigint, bigint>()
  for (let nonce = 0n; moduli.size < 400; nonce++) {
    nonce = withNonce({ ...hint, nonce }, h1, { rules }).nonce
    moduli.set(rules.modulus(rules.h2(h1, { ...hint, nonce })), nonce)
  }
  for (let slope = 0n; ; slope++) {
    const changed = { ...hint, slopes: withUnused(hint.slopes, slope) }
    const e = foldOf(draft.statement, changed, rules.h1(draft.statement, changed), { rules })
    for (const [m, nonce] of moduli)
      if (e % m === 0n) return { statement: draft.statement, hint: { ...changed, nonce } }
  }
}

const PLACES = 40

/**
 * Q = R = G: three tables hold the same points, and a step may be counted to any of their scalars. So once M is known,
 * v, w and g0 change at will by up to 40 bits each while no relation does; two equations modulo M say by how much.
 */
function rescheduled() {
  const rules: Rules = {
    ...DOCUMENTED,
    modulus: narrowModulus(PLACES),
    h1: (s, h) => {
      const { slopes, schedule: _, ...head } = partsOfH1(s, h)
      return hash(hash(...Object.values(head)), hash(slopes))
    },
  }
  const [x, y] = G
  const statement: Statement = { e: FORGED, r: mod(x, N), s: digestOf('s') >> 1n, qx: x, qy: y }
  const { e, r, s } = statement
  const operations = interchangeable(0n, 0n)
  const hint = complete({ statement, y, operations, slopes: walk(G, G, operations).slopes }, { rules })
  const m = modulusOf(statement, hint, rules)
  const { v, w, g0 } = scalarsOf(operations)
  const first = hint.k1 * N - w * s - v * r
  const second = hint.k2 * N - g0 * s - v * e
  const determinant = inverse((r - s) * (e - s) - r * e, m)
  const ofW = mod((first * (e - s) - second * r) * determinant, m)
  const ofG = mod(((r - s) * second - e * first) * determinant, m)
  return { statement, hint: { ...hint, operations: interchangeable(ofW, ofG) } }
}

/** G + G - 2G, and at each place two pairs that cancel; the bits say whose scalar the subtractions are counted to. */
function interchangeable(ofW: bigint, ofG: bigint): Operation[] {
  const operations: Operation[] = []
  let doublings = 0
  const add = (table: number, subtract: boolean): void => {
    operations.push({ doublings, subtract, table, index: 0 })
    doublings = 0
  }
  for (let place = 192; place >= 0; place--) {
    doublings++
    if (place >= PLACES && doublings < 13 && place > PLACES) continue
    const bit = (bits: bigint): boolean => ((bits >> BigInt(place)) & 1n) === 1n
    for (const table of [bit(ofW) ? 1 : 0, bit(ofG) ? 2 : 0].slice(place >= PLACES ? 1 : 0)) {
      add(0, false)
      add(table, true)
    }
    if (place === 1) add(2, true)
  }
  add(0, false)
  add(1, false)
  return operations
}
