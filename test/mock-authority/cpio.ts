import { concat, utf8 } from '@nacre/verify'

/** An entry of an archive; a mode without a type is a file's. */
export type MockEntry = {
  path: string
  data?: Uint8Array | string
  mode?: number
  links?: number
  /** Root's by default. */
  user?: number
  group?: number
  /** In the place of the path, with its zero byte. */
  name?: Uint8Array
  magic?: string
}

export const FOLDER = 0o040755
export const LINK = 0o120777
export const DEVICE = 0o020600

/** An archive in the newc format; the end may be left out. */
export function encodeCpio(entries: readonly MockEntry[], end = true): Uint8Array {
  const all = end ? [...entries, { path: 'TRAILER!!!', mode: 0, links: 1 }] : entries
  return concat(...all.flatMap((entry, i) => encodeEntry(entry, i + 1)))
}

function encodeEntry(
  {
    path,
    data = '',
    mode = 0o100644,
    links = 1,
    name = utf8(`${path}\0`),
    magic = '070701',
    ...owner
  }: MockEntry,
  inode: number,
): Uint8Array[] {
  const { user = 0, group = 0 } = owner
  const content = typeof data === 'string' ? utf8(data) : data
  const numbers = [inode, mode, user, group, links, 0, content.length, 0, 0, 0, 0, name.length, 0]
  const header = utf8(magic + numbers.map(number => number.toString(16).padStart(8, '0')).join(''))
  return [header, name, padding(header.length + name.length), content, padding(content.length)]
}

const padding = (length: number): Uint8Array => new Uint8Array((4 - (length % 4)) % 4)
