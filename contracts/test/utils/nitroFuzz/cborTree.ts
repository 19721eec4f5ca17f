import { concat, utf8 } from '@nacre/verify'
import type { Random } from '../../../../test/fuzz/mutate.ts'

/** A CBOR item to be mutated: entries of a map are key, value, key, value. */
export type CborNode = {
  major: number
  /** Of strings, arrays and maps how long they are said to be, if it is not what they are. */
  argument?: bigint
  bytes?: Uint8Array
  items?: CborNode[]
  /** How many bytes the head's argument has (0, 1, 2, 4, 8), if not as few as can be; -1 for an indefinite length. */
  form?: number
  /** In front of it. */
  tag?: Uint8Array
  /** All of it, whatever it is. */
  raw?: Uint8Array
}

export const bytesNode = (bytes: Uint8Array): CborNode => ({ major: 2, bytes })
export const textNode = (text: string): CborNode => ({ major: 3, bytes: utf8(text) })
export const uintNode = (argument: bigint): CborNode => ({ major: 0, argument })
export const arrayNode = (items: CborNode[]): CborNode => ({ major: 4, items })
export const mapNode = (entries: [CborNode, CborNode][]): CborNode => ({ major: 5, items: entries.flat() })
export const NULL: CborNode = { major: 7, argument: 22n }
export const rawNode = (...bytes: number[]): CborNode => ({ major: 7, raw: Uint8Array.from(bytes) })

export function encodeNode({ major, argument, bytes, items, form, tag, raw }: CborNode): Uint8Array {
  const inner = items ? concat(...items.map(encodeNode)) : (bytes ?? new Uint8Array(0))
  if (raw) return concat(tag ?? new Uint8Array(0), raw)
  const count = items ? BigInt(major === 5 ? items.length >> 1 : items.length) : BigInt(inner.length)
  if (form === -1) {
    const chunk = bytes ? concat(headOf(major, count), inner) : inner
    return concat(tag ?? new Uint8Array(0), Uint8Array.of((major << 5) | 31), chunk, Uint8Array.of(0xff))
  }
  return concat(tag ?? new Uint8Array(0), headOf(major, argument ?? count, form), inner)
}

function headOf(major: number, argument: bigint, form?: number): Uint8Array {
  const least =
    argument < 24n ? 0 : argument < 1n << 8n ? 1 : argument < 1n << 16n ? 2 : argument < 1n << 32n ? 4 : 8
  const size = form ?? least
  if (size === 0) return Uint8Array.of((major << 5) | Number(argument & 31n))
  const head = new Uint8Array(1 + size)
  head[0] = (major << 5) | (24 + Math.log2(size))
  for (let i = size, rest = argument; i > 0; i--, rest >>= 8n) head[i] = Number(rest & 255n)
  return head
}

const NUMBERS = [
  0n,
  1n,
  2n,
  3n,
  15n,
  16n,
  22n,
  23n,
  24n,
  31n,
  32n,
  47n,
  48n,
  49n,
  127n,
  255n,
  256n,
  257n,
  65_535n,
]
const LARGE = [
  65_536n,
  1n << 31n,
  (1n << 32n) - 1n,
  1n << 32n,
  (1n << 53n) - 1n,
  1n << 53n,
  (1n << 53n) + 1n,
  1n << 63n,
]
const SIZES = [0, 1, 31, 32, 33, 47, 48, 49, 64, 511, 512, 513, 1023, 1024, 1025]
const TEXTS = [
  '',
  'a',
  'i-0-enc0',
  '~'.repeat(128),
  '~'.repeat(129),
  ' ',
  '\u007f',
  'é',
  'SHA384',
  'SHA512',
  'nonce',
]
const FLOATS: number[][] = [
  [0xf9, 0x3c, 0x00],
  [0xfa, 0x3f, 0x80, 0x00, 0x00],
  [0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0],
]
const SIMPLE: number[][] = [
  [0xf4],
  [0xf5],
  [0xf6],
  [0xf7],
  [0xe0],
  [0xf0],
  [0xf8, 0x16],
  [0xf8, 0xff],
  [0xff],
  [0xfc],
]
const KEYS = [
  'module_id',
  'digest',
  'timestamp',
  'pcrs',
  'certificate',
  'cabundle',
  'public_key',
  'user_data',
  'nonce',
]

type Make = (random: Random) => CborNode
const VALUES: readonly Make[] = [
  random => uintNode(random.pick([...NUMBERS, ...LARGE, (1n << 64n) - 1n])),
  random => ({ major: 1, argument: random.pick([...NUMBERS, ...LARGE]) }),
  random => bytesNode(new Uint8Array(random.pick(SIZES)).fill(random.pick([0, 1, 0xff]))),
  random => textNode(random.pick([...TEXTS, ...KEYS])),
  random => rawNode(...random.pick([...FLOATS, ...SIMPLE])),
  random => ({ major: random.pick([4, 5]), items: [], form: random.pick([0, 0, 1, -1]) }),
  () => mapNode([[uintNode(0n), mapNode([[uintNode(0n), mapNode([])]])]]),
  () => arrayNode([arrayNode([arrayNode([])])]),
  () => NULL,
]

type Change = (siblings: CborNode[], at: number, random: Random) => void
const CHANGES: Record<string, Change> = {
  'a head in another form': (all, at, random) => edit(all, at, { form: random.pick([0, 1, 2, 4, 8]) }),
  'an indefinite length': (all, at) => edit(all, at, { form: -1 }),
  'a tag': (all, at, random) =>
    edit(all, at, { tag: Uint8Array.from(random.pick([[0xc0], [0xd2], [0xd8, 0x18], [0xd9, 0xd9, 0xf7]])) }),
  'another value': (all, at, random) => {
    all[at] = random.pick(VALUES)(random)
  },
  'another major type': (all, at, random) => edit(all, at, { major: random.below(8) }),
  'another length or number': (all, at, random) => {
    const { items, bytes, argument, major } = all[at] as CborNode
    const actual = argument ?? BigInt(items ? items.length >> (major === 5 ? 1 : 0) : (bytes?.length ?? 0))
    const by = random.pick([1n, -1n, 2n, 256n, 1n << 32n, 1n << 53n, (1n << 64n) - 1n])
    edit(all, at, { argument: (actual + by) & ((1n << 64n) - 1n) })
  },
  'left out': (all, at) => all.splice(at, 1),
  twice: (all, at) => all.splice(at, 0, all[at]!),
  'an item in front': (all, at, random) => all.splice(at, 0, random.pick(VALUES)(random)),
  'an entry twice': (all, at) => {
    const entry = all.slice(at & ~1, (at & ~1) + 2)
    all.push(...entry)
  },
  'an entry left out': (all, at) => all.splice(at & ~1, 2),
  'an entry moved to the end': (all, at) => all.push(...all.splice(at & ~1, 2)),
  'an entry moved to the front': (all, at) => all.unshift(...all.splice(at & ~1, 2)),
  'another known key': (all, at, random) => {
    all[at & ~1] = textNode(random.pick(KEYS))
  },
  'a byte changed': (all, at, random) =>
    ofString(all, at, bytes => {
      const i = random.below(bytes.length)
      return bytes.length === 0 ? bytes : bytes.with(i, random.pick([0, 0x20, 0x21, 0x7e, 0x7f, 0x80, 0xff]))
    }),
  'a byte more': (all, at) => ofString(all, at, bytes => concat(bytes, bytes.subarray(-1))),
  'a byte less': (all, at) => ofString(all, at, bytes => bytes.subarray(1)),
}

/** Changes one item of a tree, at any depth, and says how. */
export function mutateCbor(tree: CborNode[], random: Random): string {
  const places: [CborNode[], number, string][] = []
  const visit = (siblings: CborNode[], path: string): void => {
    for (const [at, node] of siblings.entries()) {
      places.push([siblings, at, `${path}/${at}`])
      if (node.items) visit(node.items, `${path}/${at}`)
    }
  }
  visit(tree, '')
  const [siblings, at, path] = random.pick(places)
  const name = random.pick(Object.keys(CHANGES))
  CHANGES[name]!(siblings, at, random)
  return `${path} ${name}`
}

function edit(all: CborNode[], at: number, change: Partial<CborNode>): void {
  all[at] = { ...(all[at] as CborNode), ...change }
}

function ofString(all: CborNode[], at: number, change: (bytes: Uint8Array) => Uint8Array): void {
  const { bytes } = all[at] as CborNode
  if (bytes) edit(all, at, { bytes: change(bytes) })
}
