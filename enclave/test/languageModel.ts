import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Hex, toHex } from '@nacre/verify'
import { type TinyOptions, tinyModel } from '../../models/gguf/tiny.ts'
import type { Generation, LanguageEngine, Piece } from '../src/inference/languageEngine.ts'

export type ModelFile = { artifact: Hex; file: string }

/** A folder for model files, until it is removed. */
export async function modelFolder() {
  const dir = await mkdtemp(join(tmpdir(), 'nacre-'))
  const add = async (bytes: Uint8Array): Promise<ModelFile> => {
    const artifact = toHex(createHash('sha256').update(bytes).digest())
    const file = join(dir, `${artifact}.gguf`)
    await writeFile(file, bytes)
    return { artifact, file }
  }
  return {
    dir,
    add,
    tiny: (options?: TinyOptions) => add(tinyModel(options)),
    remove: () => rm(dir, { recursive: true, force: true }),
  }
}

/** A generation of the likeliest tokens, but for what is given. */
export function generation(prompt: string, given: Partial<Generation> = {}): Generation {
  const sampling = { temperature: 0, topP: 1, frequencyPenalty: 0, presencePenalty: 0, seed: 1 }
  return { prompt: { text: prompt }, maxTokens: 16, sampling, stop: [], ...given }
}

export async function piecesOf(
  engine: LanguageEngine,
  { artifact }: Pick<ModelFile, 'artifact'>,
  request: Generation,
  signal: AbortSignal = new AbortController().signal,
): Promise<Piece[]> {
  const pieces: Piece[] = []
  for await (const piece of engine.generate(artifact, request, signal)) pieces.push(piece)
  return pieces
}

export function textOf(pieces: Piece[]): string {
  return pieces.map(piece => (piece.type === 'start' ? '' : piece.text)).join('')
}

export function endOf(pieces: Piece[]): Piece & { type: 'end' } {
  const last = pieces.at(-1)
  if (last?.type !== 'end') throw new Error('the generation has no end')
  return last
}
