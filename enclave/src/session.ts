// First: the engine's library reads it when it is loaded.
import './noTelemetry.ts'

import {
  type Dtype,
  decodeTensor,
  encodeTensor,
  hasNonFinite,
  MAX_ELEMENTS,
  type TensorData,
} from '@nacre/verify'
import type { InferenceSession } from 'onnxruntime-node'
import type { Session, TensorType } from './artifactTypes.ts'
import { ChannelError } from './errors.ts'
import { inspectModel } from './onnx.ts'

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

/** Opens a model that holds all its data, draws nothing, and has one input and one output. @throws ChannelError unsupported-model */
export async function openModel(bytes: Uint8Array): Promise<Session> {
  inspectModel(bytes)
  const session = await openSession(bytes)
  try {
    const input = onlyTensor('input', session.inputMetadata)
    const output = onlyTensor('output', session.outputMetadata)
    if (input.dims.slice(1).includes(-1))
      throw unsupported('only the first dimension of the input may be free')
    const elements = input.dims.reduce((product, dim) => product * Math.abs(dim), 1)
    if (elements > MAX_ELEMENTS || elements < 1) throw unsupported(`an input of [${input.dims}]`)
    return { input, output, run: bytes => runModel(session, output, bytes) }
  } catch (error) {
    await session.release()
    throw error
  }
}

/** The engine's library is loaded where it runs: never into the process that holds the keys. */
export const engine = (): Promise<typeof import('onnxruntime-node')> => import('onnxruntime-node')

async function runModel(
  session: InferenceSession,
  output: TensorType,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const { Tensor } = await engine()
  const input = decodeTensor(bytes)
  const feeds = {
    [session.inputNames[0]!]: new Tensor(input.dtype, input.data as Float32Array, input.dims),
  }
  const results = await session.run(feeds)
  const { data, dims } = results[session.outputNames[0]!]!
  const answer = { dtype: output.dtype, dims: [...dims], data: data as TensorData }
  if (hasNonFinite(answer)) throw new Error('the output holds NaN or an infinity')
  return encodeTensor(answer)
}

/** The model in the engine. @throws ChannelError unsupported-model */
export async function openSession(bytes: Uint8Array): Promise<InferenceSession> {
  const { InferenceSession } = await engine()
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

export function unsupported(reason: string, cause?: unknown): ChannelError {
  return new ChannelError('unsupported-model', `model: ${reason}`, cause)
}
