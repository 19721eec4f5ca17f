import { integerOf, objectOf } from '@nacre/verify/shape'
import { readOptions, START_FIELDS, type StartOptions } from '../config.ts'
import { parseUpstream, type Upstream } from '../upstream/upstream.ts'
import { MIN_OUTPUT } from './limits.ts'

/** How much an enclave for language models does at a time. */
export type InferenceLimits = {
  /** Generations at a time; the tokens that each may have with its prompt; the engine's threads. */
  sequences: number
  contextSize: number
  threads: number
  /** Requests that wait beside them. */
  queue: number
}

export type InferenceOptions = StartOptions & {
  inference: InferenceLimits
  /** The engine of the image `nacre-upstream`, which has none of its own. */
  upstream?: Upstream
}

const parseOptions = objectOf<Omit<InferenceOptions, 'upstream'>, { upstream: Upstream }>(
  {
    ...START_FIELDS,
    inference: objectOf<InferenceLimits>({
      sequences: integerOf(1, 64),
      contextSize: integerOf(64, 2 ** 20),
      threads: integerOf(1, 1024),
      queue: integerOf(0, 4096),
    }),
  },
  { upstream: parseUpstream },
)

/** @throws ChannelError invalid-config */
export function readInferenceOptions(file: string): InferenceOptions {
  return readOptions(file, (value, path) => {
    const options = parseOptions(value, path)
    const { maxOutput } = options.config
    if (maxOutput < MIN_OUTPUT) throw new Error(`maxOutput is ${maxOutput}, answers need ${MIN_OUTPUT}`)
    return options
  })
}
