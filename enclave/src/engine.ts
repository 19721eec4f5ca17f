import { createHash } from 'node:crypto'
import { type Hex, hasNonFinite, type Tensor } from '@nacre/verify'
import type { ModelTypes, TensorType } from './artifactTypes.ts'
import type { EngineLimits } from './config.ts'
import { createEngineProcess } from './engineProcess.ts'
import { ChannelError } from './errors.ts'
import { MAX_BATCH } from './limits.ts'

export type Model = ModelTypes & { artifact: Hex; bytes: Uint8Array }

export type Engine = {
  load(artifact: Hex, bytes: Uint8Array): Promise<Model>
  get(artifact: Hex): Model
  /** Runs a checked input, its canonical bytes. @throws Refusal, EngineFailure, ChannelError engine-stopped */
  run(model: Model, input: Uint8Array): Promise<Uint8Array>
}

/**
 * An engine without artifacts, in a process of its own: the engine's calls block their thread and cannot be
 * cancelled, and its memory is not the keys'. What it loads stays until the enclave ends; a process that was
 * stopped is started again with the same models.
 */
export function createEngine(limits: EngineLimits, program: string): Engine {
  const models = new Map<Hex, Model>()
  const process = createEngineProcess(program, () => models.values())
  let loading = Promise.resolve<unknown>(undefined)
  return {
    /**
     * Loads what the engine opens; an artifact that is loaded already is returned as it is. Loads wait for each other, so that
     * the limits hold.
     * @throws ChannelError artifact-mismatch, artifact-limit, unsupported-model, engine-stopped
     */
    load(artifact, bytes) {
      const load = loading.then(async () => {
        checkHash(artifact, bytes)
        const known = models.get(artifact)
        if (known) return known
        checkLimits(limits, models, bytes.length)
        const model = { artifact, bytes, ...(await process.load(artifact, bytes)) }
        models.set(artifact, model)
        return model
      })
      loading = load.catch(() => undefined)
      return load
    },
    /** @throws ChannelError unknown-artifact */
    get(artifact) {
      const model = models.get(artifact)
      if (model) return model
      throw new ChannelError('unknown-artifact', `artifact ${artifact} is not loaded`)
    },
    run: ({ artifact }, input) => process.run(artifact, input),
  }
}

/** Why a tensor does not fit a model's input; undefined when it does. */
export function inputProblem(input: TensorType, tensor: Tensor): string | undefined {
  if (tensor.dtype !== input.dtype) return `wrong-dtype: expected ${input.dtype}, got ${tensor.dtype}`
  const fits =
    tensor.dims.length === input.dims.length && input.dims.every((d, i) => d === -1 || d === tensor.dims[i])
  if (!fits) return `wrong-shape: expected [${input.dims}], got [${tensor.dims}]`
  if (hasNonFinite(tensor)) return 'not-finite: the input holds NaN or an infinity'
  return undefined
}

/** Why an input is over the batch limit; undefined when it is not. */
export function batchProblem(input: TensorType, tensor: Tensor): string | undefined {
  const rows = tensor.dims[0] ?? 1
  return input.dims[0] === -1 && rows > MAX_BATCH
    ? `batch-limit: ${rows} rows, at most ${MAX_BATCH}`
    : undefined
}

function checkHash(artifact: Hex, bytes: Uint8Array): void {
  const actual = `0x${createHash('sha256').update(bytes).digest('hex')}`
  if (actual === artifact) return
  throw new ChannelError('artifact-mismatch', `expected SHA-256 ${artifact}, the bytes have ${actual}`)
}

function checkLimits(limits: EngineLimits, models: Map<Hex, Model>, size: number): void {
  const total = [...models.values()].reduce((sum, model) => sum + model.bytes.length, size)
  if (models.size >= limits.maxArtifacts) {
    throw new ChannelError('artifact-limit', `at most ${limits.maxArtifacts} artifacts`)
  }
  if (total > limits.maxArtifactBytes) {
    throw new ChannelError('artifact-limit', `at most ${limits.maxArtifactBytes} bytes of artifacts`)
  }
}
