/** Who contributed to a phase of a ceremony, as snarkjs's files list them (docs/zk-groth16.md, section 6). */
import { toHex } from '@nacre/verify/bytes'
import { type ByteSource, invalid, type Magic, type Section, viewOf } from './sections.ts'

export type Contribution = {
  /** What the contributor wrote, and nobody checked. */
  name: string
  /** A contribution that anybody can compute, from a public random value: it keeps nothing secret. */
  beacon?: { value: string; iterationsExp: number }
}

/** `hash`: what snarkjs told its maker, BLAKE2b of 64 bytes in hex; known when its phase was verified. */
export type Contributed = Contribution & { hash?: string }

/** Bytes of one before its parameters, beside the list's own head. */
export type ContributionLayout = { magic: Magic; head: number; fixed: number }

/** Longer lists are nobody's: a few thousand contributions. */
const MAX_BYTES = 0x80_0000
/** Verifying a beacon takes 2^this hashes. */
const MAX_ITERATIONS_EXP = 24
const [NAME, ITERATIONS, VALUE] = [1, 2, 3]

/**
 * The contributions of a section, in order: `u32 count`, then for each its points and hashes, `u32 type | u32 length |
 * parameters`.
 * @throws NacreError zk-invalid-key, zk-invalid-setup
 */
export function readContributions(
  source: ByteSource,
  { at: start, size }: Section,
  { magic, head, fixed }: ContributionLayout,
): Contribution[] {
  if (size > MAX_BYTES) throw invalid(magic, `${size} bytes of contributions, at most ${MAX_BYTES}`)
  const view = viewOf(source, start, size, magic)
  let at = head
  const take = (length: number): number => {
    if (length > size - at) throw invalid(magic, 'its contributions are cut short')
    at += length
    return at - length
  }
  const u32 = (): number => view.getUint32(take(4), true)
  const u8 = (): number => view.getUint8(take(1))
  const bytes = (length: number): Uint8Array => {
    const from = take(length)
    return new Uint8Array(view.buffer, view.byteOffset + from, length)
  }

  function contribution(): Contribution {
    take(fixed)
    const type = u32()
    const end = u32() + at
    let [name, value, iterationsExp] = ['', '', -1]
    while (at < end) {
      const parameter = u8()
      if (parameter === NAME) name = new TextDecoder().decode(bytes(u8()))
      else if (parameter === ITERATIONS) iterationsExp = u8()
      else if (parameter === VALUE) value = toHex(bytes(u8()))
      else throw invalid(magic, `a contribution has a parameter ${parameter}`)
    }
    if (at !== end) throw invalid(magic, 'a contribution’s parameters are cut short')
    if (type > 1) throw invalid(magic, `a contribution of type ${type}`)
    if (type === 0) return { name }
    if (iterationsExp < 0 || iterationsExp > MAX_ITERATIONS_EXP)
      throw invalid(magic, `a beacon of 2^${iterationsExp} hashes, at most 2^${MAX_ITERATIONS_EXP}`)
    return { name, beacon: { value, iterationsExp } }
  }

  const count = u32()
  const list: Contribution[] = []
  for (let i = 0; i < count; i++) list.push(contribution())
  if (at !== size) throw invalid(magic, `${size - at} bytes follow its contributions`)
  return list
}
