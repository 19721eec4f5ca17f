import { decodeTensor, type EnclaveConfig, STATUS, type Tensor } from '@nacre/verify'
import type { TensorType } from './artifactTypes.ts'
import { batchProblem, type Engine, inputProblem, type Model } from './engine.ts'
import { EngineFailure } from './engineProcess.ts'
import { ChannelError } from './errors.ts'
import type { Job } from './job.ts'
import { MAX_ERROR_TEXT } from './limits.ts'
import { Refusal } from './refusal.ts'

/** What a job came to: a tensor's or a file's bytes with status 0, otherwise a text `code: detail`. */
export type Outcome = { status: number; output: Uint8Array }

/**
 * Runs a job on its model. Bad input, limits and failures of the engine are outcomes, not exceptions. A host can make
 * any engine fail, by starving it: such an outcome pays nothing, and on chain it is no answer.
 */
export async function execute(
  engine: Pick<Engine, 'run'>,
  model: Model,
  job: Job,
  config: EnclaveConfig,
): Promise<Outcome> {
  const { input } = job
  if (input.length > config.maxInput) {
    return failure(STATUS.limitExceeded, `input-limit: ${input.length} bytes, at most ${config.maxInput}`)
  }
  const problem = 'media' in model.input ? undefined : tensorProblem(model.input, input)
  if (problem) return problem
  try {
    const output = await engine.run(model, input)
    const maxOutput = Math.min(job.maxOutput, config.maxOutput)
    if (output.length <= maxOutput) return { status: STATUS.ok, output }
    return failure(STATUS.limitExceeded, `output-limit: ${output.length} bytes, at most ${maxOutput}`)
  } catch (error) {
    if (error instanceof Refusal) return failure(STATUS.badInput, error.message)
    const failed = error instanceof EngineFailure || isStopped(error)
    if (!failed) throw error
    return failure(STATUS.engineFailed, `engine-failed: ${error.message}`)
  }
}

/** The engine took too long or crashed on this input. */
function isStopped(error: unknown): error is ChannelError {
  return error instanceof ChannelError && error.code === 'engine-stopped'
}

/** Why bytes are no tensor that the model takes, as an outcome; undefined when they are one. */
function tensorProblem(type: TensorType, bytes: Uint8Array): Outcome | undefined {
  const tensor = readTensor(bytes)
  if (typeof tensor === 'string') return failure(STATUS.badInput, tensor)
  const overBatch = batchProblem(type, tensor)
  if (overBatch) return failure(STATUS.limitExceeded, overBatch)
  const problem = inputProblem(type, tensor)
  return problem === undefined ? undefined : failure(STATUS.badInput, problem)
}

function readTensor(bytes: Uint8Array): Tensor | string {
  try {
    return decodeTensor(bytes)
  } catch (error) {
    return `malformed-tensor: ${textOf(error)}`
  }
}

/** Printable ASCII only, so that the text can be cut at any byte and shown anywhere. */
function failure(status: number, text: string): Outcome {
  const printable = text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, MAX_ERROR_TEXT)
  return { status, output: new Uint8Array(Buffer.from(printable, 'latin1')) }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown'
}
