/** Pseudo-random numbers of a seed (mulberry32): the same seed gives the same cases. */
export type Random = { below(limit: number): number; pick<T>(items: readonly T[]): T }

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
  return { below, pick: items => items[below(items.length)] as (typeof items)[number] }
}

/** Bytes that lengths, tags and heads of the formats are made of. */
const INTERESTING = [0x00, 0x01, 0x1f, 0x30, 0x40, 0x58, 0x59, 0x5f, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x9f, 0xa0]
const MORE = [0xbb, 0xbf, 0xff, 0x20, 0x0a, 0x22, 0x2c, 0x7b, 0x5b]

type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array

const MUTATIONS: readonly Mutation[] = [
  // A bit, a byte, a byte that means something.
  (bytes, random) => changed(bytes, random, byte => byte ^ (1 << random.below(8))),
  (bytes, random) => changed(bytes, random, () => random.below(256)),
  (bytes, random) => changed(bytes, random, () => random.pick([...INTERESTING, ...MORE])),
  // Cut, longer, a piece left out, twice, or zero.
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, random) => joined(bytes, new Uint8Array(1 + random.below(64)).fill(random.below(256))),
  (bytes, random) => withPiece(bytes, random, () => new Uint8Array(0)),
  (bytes, random) => withPiece(bytes, random, piece => joined(piece, piece)),
  (bytes, random) => withPiece(bytes, random, piece => new Uint8Array(piece.length)),
  // Two pieces in each other's place, and a piece of other evidence.
  (bytes, random) => {
    const [a, b] = [random.below(bytes.length), random.below(bytes.length)].sort((x, y) => x - y) as [
      number,
      number,
    ]
    return joined(bytes.subarray(b), bytes.subarray(a, b), bytes.subarray(0, a))
  },
  (bytes, random, other) => {
    const at = random.below(other.length)
    return withPiece(bytes, random, piece => other.subarray(at, at + piece.length))
  },
]

/** One to four changes; pieces come from `other`, evidence of the same or another kind. */
export function mutate(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  let mutated = bytes
  for (let left = 1 + random.below(4); left > 0 && mutated.length > 0; left--)
    mutated = random.pick(MUTATIONS)(mutated, random, other)
  return mutated
}

function changed(bytes: Uint8Array, random: Random, change: (byte: number) => number): Uint8Array {
  const at = random.below(bytes.length)
  return bytes.with(at, change(bytes[at] as number))
}

function withPiece(bytes: Uint8Array, random: Random, change: (piece: Uint8Array) => Uint8Array): Uint8Array {
  const at = random.below(bytes.length)
  const end = Math.min(bytes.length, at + 1 + random.below(random.below(2) === 0 ? 8 : 512))
  return joined(bytes.subarray(0, at), change(bytes.subarray(at, end)), bytes.subarray(end))
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
