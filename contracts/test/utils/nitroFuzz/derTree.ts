import { concat } from '@nacre/verify'
import { readAll } from '@nacre/verify/attest/der'
import type { Random } from '../../../../test/fuzz/mutate.ts'
import { der } from '../../../../test/mock-authority/der.ts'

/** A DER element to be mutated: it has children, or bytes. */
export type DerNode = {
  tag: number
  content: Uint8Array
  children?: DerNode[]
  /** In front of the children: how many bits of a BIT STRING are unused. */
  prefix?: Uint8Array
  /** The length's bytes, where they are not what DER wants. */
  length?: (size: number) => Uint8Array
}

export function parseDer(bytes: Uint8Array): DerNode[] {
  return readAll(bytes).map(({ tag, content }) => {
    if ((tag & 0x20) !== 0) return { tag, content, children: parseDer(content) }
    if (tag === 0x04) return withChildren(tag, content, 0)
    return { tag, content }
  })
}

/** A string that holds elements, behind its first bytes; if it does. */
export function withChildren(tag: number, content: Uint8Array, skip: number): DerNode {
  try {
    const children = parseDer(content.subarray(skip))
    if (children.length > 0) return { tag, content, children, prefix: content.subarray(0, skip) }
  } catch {}
  return { tag, content }
}

export function encodeDer(nodes: readonly DerNode[]): Uint8Array {
  return concat(
    ...nodes.map(({ tag, content, children, prefix, length }) => {
      const inner = children ? concat(prefix ?? new Uint8Array(0), encodeDer(children)) : content
      return length ? concat(Uint8Array.of(tag), length(inner.length), inner) : der(tag, inner)
    }),
  )
}

const TAGS = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1e, 0x1f, 0x30, 0x31,
  0x3f, 0x80, 0x81, 0x82, 0x83, 0xa0, 0xa1, 0xa2, 0xa3, 0xbf, 0xff,
]

const ELEMENTS = [
  [0x05, 0x00],
  [0x01, 0x01, 0xff],
  [0x01, 0x01, 0x00],
  [0x02, 0x01, 0x00],
  [0x02, 0x01, 0x02],
  [0x03, 0x01, 0x00],
  [0x04, 0x00],
  [0x06, 0x03, 0x55, 0x1d, 0x13],
  [0x30, 0x00],
  [0x31, 0x00],
  [0x00, 0x00],
  [0x1f, 0x81, 0x01, 0x00],
  [0x81, 0x02, 0x00, 0xff],
  [0xa1, 0x02, 0x03, 0x00],
  [0xa3, 0x02, 0x30, 0x00],
]

const LENGTHS: readonly ((size: number) => number[])[] = [
  size => [size & 0x7f],
  size => [0x81, size & 0xff],
  size => [0x82, size >> 8, size & 0xff],
  size => [0x83, 0, size >> 8, size & 0xff],
  size => [0x84, 0, 0, size >> 8, size & 0xff],
  size => [0xa0, ...new Array(30).fill(0), size >> 8, size & 0xff],
  () => [0x80],
  () => [0xff],
  size => [(size + 1) & 0xff],
  size => [(size - 1) & 0xff],
  size => [0x82, (size + 1) >> 8, (size + 1) & 0xff],
  () => [0x82, 0xff, 0xff],
  () => [0x81, 0xff],
]

type Change = (siblings: DerNode[], at: number, random: Random) => void

const CHANGES: Record<string, Change> = {
  'another tag': (all, at, random) => edit(all, at, { tag: random.pick(TAGS) }),
  'the other of primitive and constructed': (all, at) => edit(all, at, { tag: all[at]!.tag ^ 0x20 }),
  'a length in another form': (all, at, random) => {
    const form = random.below(2) === 0 ? random.pick(LENGTHS.slice(0, 5)) : random.pick(LENGTHS)
    edit(all, at, { length: size => Uint8Array.from(form(size)) })
  },
  'left out': (all, at) => all.splice(at, 1),
  twice: (all, at) => all.splice(at, 0, all[at]!),
  'moved to the end': (all, at) => all.push(...all.splice(at, 1)),
  'moved to the front': (all, at) => all.unshift(...all.splice(at, 1)),
  'another element in front': (all, at, random) => {
    all.splice(at, 0, ...elementOf(random))
  },
  'another element behind': (all, at, random) => {
    all.splice(at + 1, 0, ...elementOf(random))
  },
  'another element instead': (all, at, random) => {
    all.splice(at, 1, ...elementOf(random))
  },
  empty: (all, at) => leaf(all, at, () => new Uint8Array(0)),
  'a bit': (all, at, random) =>
    leaf(all, at, bytes => {
      const i = random.below(bytes.length)
      return bytes.length === 0 ? bytes : bytes.with(i, bytes[i]! ^ (1 << random.below(8)))
    }),
  'a byte more in front': (all, at, random) =>
    leaf(all, at, bytes => concat(Uint8Array.of(random.pick([0, 1, 0x7f, 0x80, 0xff])), bytes)),
  'a byte more behind': (all, at, random) =>
    leaf(all, at, bytes => concat(bytes, Uint8Array.of(random.pick([0, 0x5a, 0x80, 0xff])))),
  'a byte less in front': (all, at) => leaf(all, at, bytes => bytes.subarray(1)),
  'a byte less behind': (all, at) => leaf(all, at, bytes => bytes.subarray(0, -1)),
  'in a sequence': (all, at) => {
    all.splice(at, 1, { tag: 0x30, content: new Uint8Array(0), children: [all[at]!] })
  },
  'without what holds it': (all, at) => {
    const { children } = all[at]!
    if (children) all.splice(at, 1, ...children)
  },
}

const LIKELY = ['a length in another form', 'a byte more in front', 'twice', 'a bit']

/** Changes one element of a tree, at any depth, and says how. */
export function mutateDer(tree: DerNode[], random: Random): string {
  const places: [DerNode[], number, string][] = []
  const visit = (siblings: DerNode[], path: string): void => {
    for (const [at, node] of siblings.entries()) {
      places.push([siblings, at, `${path}/${at}`])
      if (node.children) visit(node.children, `${path}/${at}`)
    }
  }
  visit(tree, '')
  const [siblings, at, path] = random.pick(places)
  // Those that may leave it readable, more often.
  const name = random.below(3) === 0 ? random.pick(LIKELY) : random.pick(Object.keys(CHANGES))
  CHANGES[name]!(siblings, at, random)
  return `${path} ${name}`
}

function edit(all: DerNode[], at: number, change: Partial<DerNode>): void {
  all[at] = { ...(all[at] as DerNode), ...change }
}

/** The bytes of an element without children; of another, of the first one in it. */
function leaf(all: DerNode[], at: number, change: (bytes: Uint8Array) => Uint8Array): void {
  const { children } = all[at] as DerNode
  if (children && children.length > 0) leaf(children, 0, change)
  else edit(all, at, { content: change(all[at]!.content) })
}

function elementOf(random: Random): DerNode[] {
  return parseDerLoosely(Uint8Array.from(random.pick(ELEMENTS)))
}

/** What is no DER is one element all the same. */
function parseDerLoosely(bytes: Uint8Array): DerNode[] {
  return [{ tag: bytes[0]!, content: bytes.subarray(2), length: () => bytes.subarray(1, 2) }]
}
