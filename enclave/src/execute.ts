import { decodeTensor, type EnclaveConfig, STATUS, type Tensor } from '@nacre/verify'
import { batchProblem, type Engine, inputProblem, type Model } from './engine.ts'
import { EngineFailure } from './engineProcess.ts'
import type { Job } from './job.ts'
import { MAX_ERROR_TEXT } from './limits.ts'

/** What a job came to: a tensor's bytes with status 0, otherwise a text `code: detail`. */
export type Outcome = { status: number; output: Uint8Array }

/**
 * Runs a job on its model. Bad input, limits and engine errors are outcomes, not exceptions.
 * @throws ChannelError engine-stopped: time is no part of a receipt
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
  const tensor = readTensor(input)
  if (typeof tensor === 'string') return failure(STATUS.badInput, tensor)
  const overBatch = batchProblem(model, tensor)
  if (overBatch) return failure(STATUS.limitExceeded, overBatch)
  const problem = inputProblem(model, tensor)
  if (problem) return failure(STATUS.badInput, problem)
  try {
    const output = await engine.run(model, input)
    const maxOutput = Math.min(job.maxOutput, config.maxOutput)
    if (output.length <= maxOutput) return { status: STATUS.ok, output }
    return failure(STATUS.limitExceeded, `output-limit: ${output.length} bytes, at most ${maxOutput}`)
  } catch (error) {
    if (!(error instanceof EngineFailure)) throw error
    return failure(STATUS.engineFailed, `engine-failed: ${error.message}`)
  }
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
