// First: the engine's library reads it when it is loaded.
import './noTelemetry.ts'

import { createHash } from 'node:crypto'
import { type Dtype, type Hex, hasNonFinite, MAX_ELEMENTS, type Tensor, type TensorData } from '@nacre/verify'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import type { EngineLimits } from './config.ts'
import { ChannelError } from './errors.ts'
import { MAX_BATCH } from './limits.ts'
import { inspectModel } from './onnx.ts'

/** A tensor as a model declares it; -1 is a dimension that the model leaves free. */
export type TensorType = { dtype: Dtype; dims: number[] }

export type Model = {
  artifact: Hex
  size: number
  input: TensorType
  output: TensorType
  session: InferenceSession
}

export type Engine = {
  load(artifact: Hex, bytes: Uint8Array): Promise<Model>
  get(artifact: Hex): Model
}

/** One thread and a fixed optimisation level: layouts that depend on the CPU ("all") could change the last bits. */
const SESSION_OPTIONS: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'extended',
  logSeverityLevel: 4,
}

const DTYPES: readonly Dtype[] = ['float32', 'uint8', 'int8', 'int32', 'int64', 'float64']

/** An engine without artifacts. What it loads stays until the enclave ends. */
export function createEngine(limits: EngineLimits): Engine {
  const models = new Map<Hex, Model>()
  let loading = Promise.resolve<unknown>(undefined)
  return {
    /**
     * Loads an ONNX model; one that is loaded already is returned as it is. Loads wait for each other, so that
     * the limits hold.
     * @throws ChannelError artifact-mismatch, artifact-limit, unsupported-model
     */
    load(artifact, bytes) {
      const load = loading.then(async () => {
        checkHash(artifact, bytes)
        const known = models.get(artifact)
        if (known) return known
        checkLimits(limits, models, bytes.length)
        const model = await openModel(artifact, bytes)
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
  }
}

/** Why a tensor does not fit a model's input; undefined when it does. */
export function inputProblem({ input }: Model, tensor: Tensor): string | undefined {
  if (tensor.dtype !== input.dtype) return `wrong-dtype: expected ${input.dtype}, got ${tensor.dtype}`
  const fits =
    tensor.dims.length === input.dims.length && input.dims.every((d, i) => d === -1 || d === tensor.dims[i])
  if (!fits) return `wrong-shape: expected [${input.dims}], got [${tensor.dims}]`
  if (hasNonFinite(tensor)) return 'not-finite: the input holds NaN or an infinity'
  return undefined
}

/** Why an input is over the batch limit; undefined when it is not. */
export function batchProblem({ input }: Model, tensor: Tensor): string | undefined {
  const rows = tensor.dims[0] ?? 1
  return input.dims[0] === -1 && rows > MAX_BATCH
    ? `batch-limit: ${rows} rows, at most ${MAX_BATCH}`
    : undefined
}

/** Runs a checked input. @throws Error of the engine, or when its output is not finite */
export async function runModel({ session, output }: Model, input: Tensor): Promise<Tensor> {
  const feeds = {
    [session.inputNames[0]!]: new OrtTensor(input.dtype, input.data as Float32Array, input.dims),
  }
  const results = await session.run(feeds)
  const { data, dims } = results[session.outputNames[0]!]!
  const answer = { dtype: output.dtype, dims: [...dims], data: data as TensorData }
  if (hasNonFinite(answer)) throw new Error('the output holds NaN or an infinity')
  return answer
}

function checkHash(artifact: Hex, bytes: Uint8Array): void {
  const actual = `0x${createHash('sha256').update(bytes).digest('hex')}`
  if (actual === artifact) return
  throw new ChannelError('artifact-mismatch', `expected SHA-256 ${artifact}, the bytes have ${actual}`)
}

function checkLimits(limits: EngineLimits, models: Map<Hex, Model>, size: number): void {
  const total = [...models.values()].reduce((sum, model) => sum + model.size, size)
  if (models.size >= limits.maxArtifacts) {
    throw new ChannelError('artifact-limit', `at most ${limits.maxArtifacts} artifacts`)
  }
  if (total > limits.maxArtifactBytes) {
    throw new ChannelError('artifact-limit', `at most ${limits.maxArtifactBytes} bytes of artifacts`)
  }
}

async function openModel(artifact: Hex, bytes: Uint8Array): Promise<Model> {
  inspectModel(bytes)
  const session = await openSession(bytes)
  try {
    const input = onlyTensor('input', session.inputMetadata)
    const output = onlyTensor('output', session.outputMetadata)
    if (input.dims.slice(1).includes(-1))
      throw unsupported('only the first dimension of the input may be free')
    const elements = input.dims.reduce((product, dim) => product * Math.abs(dim), 1)
    if (elements > MAX_ELEMENTS || elements < 1) throw unsupported(`an input of [${input.dims}]`)
    return { artifact, size: bytes.length, input, output, session }
  } catch (error) {
    await session.release()
    throw error
  }
}

async function openSession(bytes: Uint8Array): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(bytes, SESSION_OPTIONS)
  } catch (cause) {
    throw unsupported(cause instanceof Error ? cause.message.slice(0, 200) : 'the engine refuses it', cause)
  }
}

function onlyTensor(role: string, values: readonly InferenceSession.ValueMetadata[]): TensorType {
  const [value] = values
  if (values.length !== 1 || !value?.isTensor) throw unsupported(`exactly one ${role}, a tensor`)
  const dtype = DTYPES.find(known => known === value.type)
  if (!dtype) throw unsupported(`an ${role} of type ${value.type}`)
  return { dtype, dims: value.shape.map(dim => (typeof dim === 'number' ? dim : -1)) }
}

function unsupported(reason: string, cause?: unknown): ChannelError {
  return new ChannelError('unsupported-model', `model: ${reason}`, cause)
}
