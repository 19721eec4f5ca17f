/** A file of a ramdisk; its folders are made where they are missing. Path without a leading slash. */
export type RamdiskFile = { path: string; content: Uint8Array; executable?: boolean }

const FOLDER = 0o40755
const FILE = 0o100644
const PROGRAM = 0o100755

/**
 * A ramdisk as the Linux kernel unpacks it: cpio in the form `newc` (Linux, Documentation/driver-api/early-userspace/
 * buffer-format.rst). Owner, times and device are zero, files in the order of their paths: the same files are the same bytes.
 */
export function encodeRamdisk(files: RamdiskFile[]): Uint8Array {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1))
  const folders = new Set<string>()
  const parts: Uint8Array[] = []
  const names = new Set<string>()
  let inode = 0
  const add = (name: string, mode: number, content: Uint8Array) => {
    if (names.has(name)) throw new Error(`${name} is twice in a ramdisk`)
    names.add(name)
    inode += 1
    parts.push(entry({ inode, name, mode, content }))
  }
  for (const { path, content, executable } of sorted) {
    for (const folder of foldersOf(path)) {
      if (folders.has(folder)) continue
      folders.add(folder)
      add(folder, FOLDER, new Uint8Array(0))
    }
    add(path, executable ? PROGRAM : FILE, content)
  }
  parts.push(entry({ inode: 0, name: 'TRAILER!!!', mode: 0, content: new Uint8Array(0) }))
  return Buffer.concat(parts)
}

function foldersOf(path: string): string[] {
  const names = path.split('/').slice(0, -1)
  return names.map((_, index) => names.slice(0, index + 1).join('/'))
}

/** Header, name and content, each filled up to four bytes. */
function entry({
  inode,
  name,
  mode,
  content,
}: {
  inode: number
  name: string
  mode: number
  content: Uint8Array
}): Uint8Array {
  const named = Buffer.from(`${name}\0`)
  // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, named.length, 0]
  const head = Buffer.from(`070701${fields.map(field => field.toString(16).padStart(8, '0')).join('')}`)
  const padding = (length: number) => Buffer.alloc((4 - (length % 4)) % 4)
  return Buffer.concat([head, named, padding(head.length + named.length), content, padding(content.length)])
}
