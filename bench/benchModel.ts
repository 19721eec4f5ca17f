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
/** What the files are, wherever they are written. */
const DIGESTS: Readonly<Record<string, Hex>> = {
  'gpt2-small-q4_0': '0x346a8a46bdabeff75c72d6edd8280779f3ca5a513828cc0644857813ed4ef481',
  'gpt2-small-q8_0': '0x69e53911c747fa965ee17333cb448a0b8c10a9738db583673499f4b3351b22de',
  'gpt2-xl-q4_0': '0x39e88df2875a7a86a0098747fea464f70a97509677404bc6027672efd22db5f6',
  'gpt2-xl-q8_0': '0xcb32bb8d73ca36ed7f2ac24f9af31992a1c05635e5f9f223ce10bdc2c92d3c07',
}

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
  const artifact: Hex = `0x${hash.digest('hex')}`
  if (artifact !== (DIGESTS[name] ?? artifact))
    throw new Error(`${file} is not what is written here: delete it`)
  return { name, file, size: statSync(file).size, artifact }
}
