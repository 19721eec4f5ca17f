import { setTimeout as sleep } from 'node:timers/promises'
import type { Hex, Policy } from '@nacre/verify'
import { describeError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import { type Backend, createBackend, inOrder } from './backend.ts'
import type { GatewayConfig } from './config.ts'
import { look, type Model } from './look.ts'

/** The enclaves that calls may go to. */
export type Pool = {
  serving(): Backend[]
  /** Those with this model, and of this receipt key where one is named, in the order in which they are to be tried. */
  of(wanted: { model?: string | undefined; enclave?: string | undefined }): Backend[]
  /** Models of all of them, each once: those of the operator that is configured first win. */
  models(): Model[]
  /** Resolves when every operator was looked at once. */
  looked: Promise<void>
  close(): Promise<void>
}

/** An operator is looked at again so soon after a failure; after so many in a row its enclave serves no more. */
const AGAIN_MS = 250
const MAX_FAILURES = 2
/** Of `pollMs`: the longest pause before one is looked at that does not serve. */
const LONGEST = 5
/** However well known it is: attested anew. */
const ATTEST_MS = 600_000

export function createPool(common: Common<GatewayConfig>, policy: Policy | undefined): Pool {
  const { operators } = common.config
  const watches = operators.map(url => watch(common, url, policy))
  const serving = () => onceEach(watches.flatMap(({ backend }) => backend() ?? []))
  return {
    serving,
    of: ({ model, enclave }) =>
      inOrder(
        serving().filter(
          backend =>
            (model === undefined || backend.models.has(model)) &&
            (enclave === undefined || backend.enclave === enclave.toLowerCase()),
        ),
      ),
    models: () => {
      const all = new Map<string, Model>()
      for (const { models } of serving())
        for (const [id, model] of models) if (!all.has(id)) all.set(id, model)
      return [...all.values()]
    },
    looked: Promise.all(watches.map(({ looked }) => looked)).then(() => {}),
    close: async () => void (await Promise.all(watches.map(({ close }) => close()))),
  }
}

/**
 * Whoever passes an enclave's attestation on can name it as its own, and would get what is sealed to it: it is at the
 * operator that is configured first, and at another one when that serves no more.
 */
function onceEach(backends: Backend[]): Backend[] {
  const first = new Map<Hex, Backend>()
  for (const backend of backends) if (!first.has(backend.enclave)) first.set(backend.enclave, backend)
  return [...first.values()]
}

type Watch = { backend(): Backend | undefined; looked: Promise<void>; close(): Promise<void> }

/** Looks at one operator again and again. */
function watch(
  { config, logger, shutdown }: Common<GatewayConfig>,
  url: string,
  policy: Policy | undefined,
): Watch {
  const { pollMs, pollTimeoutMs: timeoutMs } = config
  const { signal } = shutdown
  const looked = Promise.withResolvers<void>()
  let backend: ReturnType<typeof createBackend> | undefined
  let attestedAt = 0
  let failures = 0

  async function once(): Promise<void> {
    const fresh = performance.now() - attestedAt < ATTEST_MS
    const seen = await look({ url, policy, timeoutMs }, fresh ? backend?.enclave : undefined)
    if (!fresh || seen.enclave !== backend?.enclave) attestedAt = performance.now()
    if (seen.enclave === backend?.enclave) backend.models = seen.models
    else {
      // The one before finishes its calls, or breaks them off: its operator replaced it.
      backend = createBackend(url, seen)
      logger.info({ url, enclave: seen.enclave, models: [...seen.models.keys()] }, 'an enclave serves')
    }
    failures = 0
  }

  function failed(error: unknown): void {
    failures++
    const { code, message } = describeError(error)
    if (failures === 1 || failures === MAX_FAILURES)
      logger.warn({ url, code, message }, 'an operator does not serve')
    if (failures < MAX_FAILURES) return
    backend?.leave()
    backend = undefined
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await once().catch(failed)
      looked.resolve()
      const pause = failures === 0 ? pollMs : Math.min(LONGEST * pollMs, AGAIN_MS * 2 ** (failures - 1))
      // Several gateways do not look all at once.
      await sleep(pause * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => {})
    }
  }

  const running = run()
  return {
    backend: () => backend,
    looked: looked.promise,
    close: async () => {
      await running
      backend?.leave()
    },
  }
}

/** Whether this text is a receipt key. */
export function isReceiptKey(text: string): text is Hex {
  return /^0x[0-9a-fA-F]{40}$/.test(text)
}
