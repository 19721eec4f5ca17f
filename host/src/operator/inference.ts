import type { HttpBindings } from '@hono/node-server'
import type { Hex, Manifest } from '@nacre/verify'
import type { Hono } from 'hono'
import type { Head } from '../chain/watcher.ts'
import type { Common } from '../common/index.ts'
import type { InferenceLimits } from '../drivers/driver.ts'
import type { OperatorConfig } from './config.ts'
import type { Serving } from './enclaves.ts'
import type { InferenceConfig } from './inferenceConfig.ts'
import { createInferenceHttp } from './inferenceHttp.ts'
import { createTerms } from './terms.ts'
import { openTlsPort } from './tlsPort.ts'

/** What an agent does beside the rest whose enclave serves language models. */
export type Inference = {
  /** There is a new block, or another enclave serves. */
  look(): void
  /** Resolves when an enclave was told its first terms: before that it answers nothing. */
  told: Promise<void>
  /** Calls of the OpenAI API. */
  http: Hono<{ Bindings: HttpBindings }>
  /** Opens the port for TLS that ends in the enclave, where the configuration has one; returns its address. */
  listen(): Promise<string | undefined>
}

/** Calls of the OpenAI API, and connections with TLS to the enclave, at a time. */
const MAX_CALLS = 512
/** So many connections, too: some are idle. */
export const MAX_CONNECTIONS: number = 2 * MAX_CALLS

/** Undefined where the configuration names no language models. */
export function createInference(options: {
  common: Common<OperatorConfig>
  release: { publisher: Hex; manifest: Manifest }
  enclave: () => Serving | undefined
  head: () => Head | undefined
}): Inference | undefined {
  const { common, release, enclave, head } = options
  const { config, logger, shutdown } = common
  const { inference, maxInput } = config
  if (!inference) return undefined
  const { prices, tls } = inference
  return {
    ...createTerms({ common, prices, enclave, head }),
    http: createInferenceHttp({
      ...{ enclave, release, maxInput, most: MAX_CALLS },
      onFailed: reason => logger.warn({ reason }, 'a call of a language model was cut off'),
    }),
    async listen() {
      if (!tls) return undefined
      const { url, close } = await openTlsPort({ ...tls, most: MAX_CALLS, enclave })
      shutdown.onClose('tls port', close)
      return url
    },
  }
}

/** What the enclave is started with. */
export function limitsOf({ sequences, contextSize, threads, queue }: InferenceConfig): InferenceLimits {
  return { sequences, contextSize, threads, queue }
}
