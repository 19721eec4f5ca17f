import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from '@nacre/verify'
import { GPT2_SMALL, GPT2_XL, gpt2Model } from '../models/gguf/gpt2.ts'
import { writeGguf } from '../models/gguf/write.ts'

export type BenchModel = { name: string; file: string; size: number; artifact: Hex }

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'nacre', 'bench')
const SEED = 42

/** A file of GPT-2's shape, from the cache or written now, which takes a minute or two for the large one. */
export async function benchModel(
  type: 'q4_0' | 'q8_0',
  isSmall: boolean,
  say: (text: string) => void,
): Promise<BenchModel> {
  const name = `gpt2-${isSmall ? 'small' : 'xl'}-${type}`
  const file = join(CACHE, `${name}-seed${SEED}.gguf`)
  if (!existsSync(file)) {
    say(`writing ${file}`)
    mkdirSync(CACHE, { recursive: true })
    writeGguf(file, gpt2Model(isSmall ? GPT2_SMALL : GPT2_XL, type, SEED))
  }
  const hash = createHash('sha256')
  for await (const part of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(part)
  return { name, file, size: statSync(file).size, artifact: `0x${hash.digest('hex')}` }
}
