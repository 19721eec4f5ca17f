/**
 * Compiles proofs/kernels to WebAssembly and writes the binary, which is committed, as a module of base64 with its
 * SHA-256: `npm run build:kernels`. A test compiles again and compares.
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import asc from 'assemblyscript/asc'

const FOLDER = join(import.meta.dirname, '../kernels')
/** Where the compiled kernels are committed. */
export const KERNELS_MODULE: string = join(import.meta.dirname, '../src/zk/prover/kernels.wasm.ts')

const OPTIONS = [
  '-O3',
  '--noAssert',
  ...['--uncheckedBehavior', 'always'],
  ...['--runtime', 'stub'],
  ...['--enable', 'simd'],
  // The memory is the caller's, so that threads can share it: 2 GB at most, and zero where nothing is written.
  ...['--importMemory', '--zeroFilledMemory', '--maximumMemory', '32768'],
  ...['--use', 'abort='],
]

/** The module's text for the sources as they are. */
export async function compileKernels(): Promise<string> {
  let binary: Uint8Array | undefined
  const { error, stderr } = await asc.main(['index.ts', '--outFile', 'kernels.wasm', ...OPTIONS], {
    readFile: name => {
      try {
        return readFileSync(join(FOLDER, name), 'utf8')
      } catch {
        return null
      }
    },
    writeFile: (_name, contents) => {
      if (typeof contents !== 'string') binary = contents
    },
    listFiles: () => [],
  })
  if (error || !binary) throw new Error(`the kernels do not compile: ${stderr.toString()}`)
  return kernelsModule(binary)
}

function kernelsModule(binary: Uint8Array): string {
  const digest = createHash('sha256').update(binary).digest('hex')
  const lines =
    Buffer.from(binary)
      .toString('base64')
      .match(/.{1,100}/g) ?? []
  return [
    '/** Made of proofs/kernels by `npm run build:kernels`: do not edit. */',
    `export const KERNELS_SHA256 = '${digest}'`,
    'export const KERNELS: string = `',
    ...lines,
    '`',
    '',
  ].join('\n')
}

if (import.meta.main) writeFileSync(KERNELS_MODULE, await compileKernels())
