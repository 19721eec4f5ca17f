import { createHash } from 'node:crypto'
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Hex } from '@nacre/verify'
import type { EngineLimits } from '../config.ts'
import { ChannelError } from '../errors.ts'
import { ApiError } from './apiErrors.ts'
import { EngineError, type LanguageEngine, type ModelFacts } from './languageEngine.ts'

/** A model that can be asked, by the name that clients call it. */
export type Model = { id: string; artifact: Hex; facts: ModelFacts; created: number }

export type ModelStore = {
  /**
   * Takes a model's file, of exactly `size` bytes, and opens it.
   * @throws ChannelError artifact-mismatch, artifact-limit, unsupported-model, engine-stopped, malformed-job
   */
  add(model: { id: string; artifact: Hex; size: number }, bytes: Readable): Promise<Model>
  /** A model that the engine has already. @throws ChannelError unsupported-model, engine-stopped */
  declare(model: { id: string; artifact: Hex }): Promise<void>
  /** Those that can be asked now. */
  list(): Model[]
  /** @throws ApiError model_not_found; not_ready where there is none at all, or the engine could not load it again yet */
  get(id: string): Model
}

/**
 * The models of an enclave. Their files are in a folder of this process alone, of which nothing is left when it ends: the
 * engine's process maps them, and opens them again when it has to be started again.
 */
export function createModelStore(engine: LanguageEngine, limits: EngineLimits): ModelStore {
  const folder = mkdtempSync(join(tmpdir(), 'nacre-models-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const models = new Map<string, Model>()
  const files = new Map<Hex, { size: number; facts: ModelFacts }>()
  let last: Promise<unknown> = Promise.resolve()

  async function take(model: { id: string; artifact: Hex; size: number }, bytes: Readable): Promise<Model> {
    const { id, artifact, size } = model
    const other = models.get(id)
    if (other && other.artifact !== artifact)
      throw new ChannelError('malformed-job', `x-model: ${id} is the name of artifact ${other.artifact}`)
    if (!files.has(artifact)) checkLimits(limits, files, size)
    const file = join(folder, `${artifact.slice(2)}.${files.has(artifact) ? 'again' : 'gguf'}`)
    try {
      await receive(bytes, file, artifact)
      const facts = files.get(artifact)?.facts ?? (await engine.load(artifact, file).catch(refuse))
      if (files.has(artifact)) await rm(file, { force: true })
      else files.set(artifact, { size, facts })
      const added = { id, artifact, facts, created: Math.floor(Date.now() / 1000) }
      models.set(id, added)
      return added
    } catch (error) {
      if (!files.has(artifact) || file.endsWith('.again')) await rm(file, { force: true })
      throw error
    }
  }
  return {
    add(model, bytes) {
      // One after the other, so that the limits hold.
      const added = last.then(() => take(model, bytes))
      last = added.catch(() => undefined)
      return added
    },
    async declare({ id, artifact }) {
      const facts = await engine.load(artifact, '').catch(refuse)
      files.set(artifact, { size: 0, facts })
      models.set(id, { id, artifact, facts, created: Math.floor(Date.now() / 1000) })
    },
    list: () => [...models.values()].filter(({ artifact }) => engine.has(artifact)),
    get(id) {
      const model = models.get(id)
      if (model && engine.has(model.artifact)) return model
      if (model)
        throw new ApiError(
          'not_ready',
          `the model ${id} is being loaded again: ask later, or another enclave`,
        )
      if (models.size === 0) throw new ApiError('not_ready', 'this enclave has no model yet: ask again')
      throw new ApiError(
        'model_not_found',
        `the model ${id} is not here: GET /v1/models lists what is`,
        'model',
      )
    },
  }
}

/** Hashes on the way. @throws ChannelError artifact-mismatch */
async function receive(bytes: Readable, file: string, artifact: Hex): Promise<void> {
  const hash = createHash('sha256')
  await pipeline(
    bytes,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk)
        yield chunk
      }
    },
    createWriteStream(file, { mode: 0o600 }),
  )
  const actual = `0x${hash.digest('hex')}`
  if (actual === artifact) return
  throw new ChannelError('artifact-mismatch', `expected SHA-256 ${artifact}, the bytes have ${actual}`)
}

function checkLimits(limits: EngineLimits, files: Map<Hex, { size: number }>, size: number): void {
  const total = [...files.values()].reduce((sum, file) => sum + file.size, size)
  if (files.size >= limits.maxArtifacts)
    throw new ChannelError('artifact-limit', `at most ${limits.maxArtifacts} artifacts`)
  if (total > limits.maxArtifactBytes)
    throw new ChannelError('artifact-limit', `at most ${limits.maxArtifactBytes} bytes of artifacts`)
}

function refuse(error: unknown): never {
  if (!(error instanceof EngineError)) throw error
  const code = error.code === 'unsupported-model' ? 'unsupported-model' : 'engine-stopped'
  throw new ChannelError(code, error.message, error)
}
