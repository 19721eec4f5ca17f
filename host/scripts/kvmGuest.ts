import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const SOURCE = fileURLToPath(new URL('../src/drivers/kvmGuest.S', import.meta.url))
const GENERATED = fileURLToPath(new URL('../src/drivers/kvmGuest.ts', import.meta.url))

/** The bytes of kvmGuest.S. @throws Error without GNU binutils */
export async function assemble(): Promise<Buffer> {
  const dir = await mkdtemp(join(tmpdir(), 'nacre-assemble-'))
  const [object, image] = [join(dir, 'guest.o'), join(dir, 'guest')]
  try {
    await execute('as', ['--64', '-o', object, SOURCE])
    const link = ['-m', 'elf_x86_64', '-Ttext', '0x100000', '-e', '0x100000', '--oformat', 'binary']
    await execute('ld', [...link, '-o', image, object])
    return await readFile(image)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** SHA-256 of the source, hex: by it a test sees that the bytes are of another one, also where nothing assembles them. */
export async function sourceHash(): Promise<string> {
  return createHash('sha256')
    .update(await readFile(SOURCE))
    .digest('hex')
}

async function generate(): Promise<string> {
  const lines = (await assemble()).toString('base64').match(/.{1,96}/g) ?? []
  return `// Made by host/scripts/kvmGuest.ts from kvmGuest.S.
export const SOURCE_SHA256 = '${await sourceHash()}'

/** A guest that leaves QEMU with status 33 when its processor does what a kernel needs. */
export const KVM_GUEST: Uint8Array = Buffer.from(
  [
${lines.map(line => `    '${line}',`).join('\n')}
  ].join(''),
  'base64',
)
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(GENERATED, await generate())
