import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Hex, toHex } from '@nacre/verify'
import { REPOSITORY, type StatePaths } from '../paths.ts'

/** A language model that a development network serves behind the OpenAI API. */
export type LanguageModel = { name: string; artifact: Hex; path: string }

/** The repository's, or, where it carries none, one of seeded weights whose words mean nothing. */
export async function languageModels(paths: StatePaths): Promise<LanguageModel[]> {
  const folder = join(REPOSITORY, 'models')
  const own = readdirSync(folder).filter(file => file.endsWith('.gguf'))
  const files = own.length > 0 ? own.sort().map(file => join(folder, file)) : [await seededModel(paths)]
  return files.map(path => ({ name: basename(path, '.gguf'), artifact: hashOf(path), path }))
}

async function seededModel(paths: StatePaths): Promise<string> {
  const path = join(paths.models, 'seeded.gguf')
  if (existsSync(path)) return path
  const { tinyModel } = await import('../../../models/gguf/tiny.ts')
  mkdirSync(paths.models, { recursive: true })
  writeFileSync(path, tinyModel())
  return path
}

function hashOf(path: string): Hex {
  return toHex(createHash('sha256').update(readFileSync(path)).digest())
}
