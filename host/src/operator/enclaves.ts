import type { EnclaveConfig, Evidence, Hex, Identity, Manifest, ReceiptBundle } from '@nacre/verify'
import { describeError, FatalError, RetryableError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import { createOpenCalls, type OpenCalls } from '../common/openCalls.ts'
import { inTime, retry, unlessAborted } from '../common/wait.ts'
import { databaseError } from '../database/connect.ts'
import type { RunningEnclave } from '../drivers/driver.ts'
import type { InferenceTerms, LoadedModel, Payment } from '../enclaveClient.ts'
import { type Answered, assemble, type Bundler, type Job, type SignedBatch } from './bundle.ts'
import type { Registration } from './register.ts'

export type ArtifactInfo = { artifact: Hex; size: number; input: unknown; output: unknown }

/** An enclave that was launched and has its artifacts, but is not known to the chain. */
export type Launched = {
  identity: Identity
  config: EnclaveConfig
  artifacts: ArtifactInfo[]
  /** Language models, of an image for them. */
  models: LoadedModel[]
  /** A new connection to it. */
  connect: RunningEnclave['connect']
  /** What answers of its language models are bound to, and cost. */
  setTerms(terms: InferenceTerms): Promise<void>
  attest(nonce: Hex): Promise<Evidence>
  infer(job: Job): Promise<Answered>
  exited: Promise<unknown>
  pid: number
  /** Whether the enclave's process is in a sandbox without a network. */
  sandboxed: boolean
  terminate(): Promise<void>
}

/** The enclave that answers: its key is registered. */
export type Serving = Bundler &
  Launched & {
    registration: Registration
    /** Clients' calls and connections that are in it: when it is replaced they are waited for. */
    open: OpenCalls
    /** A job with a voucher: the answer, and the batch that it was counted into. */
    answerPaid(job: Job & { payment: Payment }): Promise<{ bundle: ReceiptBundle; settlement: SignedBatch }>
  }

export type EnclavesOptions = {
  common: Pick<Common<unknown>, 'logger' | 'shutdown'>
  launch: () => Promise<Launched>
  /** Makes the chain know its key; sends nothing more once the signal says that the enclave ends. */
  register: (enclave: Launched, ended: AbortSignal) => Promise<Registration>
  /** Takes back what waits to be mined for keys of enclaves that have ended. */
  withdraw: (isAlive: (receiptKey: string) => boolean) => Promise<void>
  release: { publisher: Hex; manifest: Manifest }
  /** Age of the evidence at which the enclave is replaced, seconds. */
  refreshAfterS: number
  /** How long calls are waited for that are in an enclave that was replaced, seconds. */
  drainS?: number
  onLaunch: () => void
  onServing: () => void
}

export type Enclaves = {
  current(): Serving | undefined
  /** Has the enclave that serves replaced by one with another key: the chain does not take this one's any more. */
  renew(): void
  /** Keeps one enclave serving until the shutdown's signal; throws fatal errors. */
  run(): Promise<void>
  close(): Promise<void>
}

/** Keeps one registered enclave serving: relaunched with a new key when it dies, replaced before its evidence is old. */
export function createEnclaves(options: EnclavesOptions): Enclaves {
  const { common, refreshAfterS } = options
  const { signal } = common.shutdown
  const alive = new Set<Launched>()
  let serving: Serving | undefined
  let replace = () => {}

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const previous = serving
      const next = await retry(() => open(options, alive), {
        signal,
        onRetry: (error, pauseMs) => warn(options, error, pauseMs),
      }).catch(error => {
        if (signal.aborted) return undefined
        throw error
      })
      if (!next) return
      serving = next
      options.onServing()
      if (previous) await retire(options, previous)
      const end = await firstOf(next.exited, refreshAfterS * 1000, signal, renewal => {
        replace = renewal
      })
      if (end === 'died') {
        serving = undefined
        alive.delete(next)
        if (!signal.aborted)
          common.logger.error({ key: next.identity.receiptKey }, 'the enclave died, launching another')
      }
    }
  }

  return {
    current: () => serving,
    renew: () => replace(),
    run,
    close: async () => {
      await Promise.all([...alive].map(enclave => enclave.terminate()))
    },
  }
}

/** All of a shutdown has ten seconds. */
const WITHDRAW_MS = 2_000

async function open(options: EnclavesOptions, alive: Set<Launched>): Promise<Serving> {
  const isAlive = (key: string) => [...alive].some(({ identity }) => identity.receiptKey === key)
  await options.withdraw(isAlive)
  options.onLaunch()
  const launched = await options.launch()
  alive.add(launched)
  const died = new AbortController()
  void launched.exited.then(() => {
    alive.delete(launched)
    died.abort(diedEarly())
  })
  const { shutdown, logger } = options.common
  const ended = AbortSignal.any([died.signal, shutdown.signal])
  try {
    const registration = await unlessAborted(options.register(launched, ended), ended)
    logger.info({ key: launched.identity.receiptKey }, 'enclave registered')
    return serve(options, launched, registration)
  } catch (error) {
    await endOne(options, launched)
    // Nobody launches another; what was sent for this one is not left to be mined where that can be helped.
    if (shutdown.signal.aborted)
      await inTime(
        options.withdraw(isAlive).catch(() => {}),
        WITHDRAW_MS,
      )
    throw databaseError(error)
  }
}

function diedEarly(): RetryableError {
  return new RetryableError('ENCLAVE_UNAVAILABLE', 'The enclave died before it was registered.', {
    fix: 'Its own output is in the log; it is launched again.',
  })
}

/** What cannot be ended is told, and stays on record for the next agent: it keeps no other enclave from serving. */
async function endOne({ common }: EnclavesOptions, { identity, terminate }: Launched): Promise<void> {
  await terminate().catch(error =>
    common.logger.error(
      { key: identity.receiptKey, ...describeError(error) },
      'an enclave could not be ended',
    ),
  )
}

/** Lets calls finish that are in it, without keeping the next one waiting. */
async function retire(options: EnclavesOptions, enclave: Serving): Promise<void> {
  const idle = inTime(enclave.open.idle(), (options.drainS ?? 0) * 1000)
  if (enclave.open.count() === 0) return await endOne(options, enclave)
  options.common.logger.info(
    { key: enclave.identity.receiptKey, calls: enclave.open.count() },
    'a replaced enclave finishes its calls',
  )
  void idle.then(() => endOne(options, enclave))
}

function serve({ release }: EnclavesOptions, launched: Launched, registration: Registration): Serving {
  const { identity, config } = launched
  const { evidence, evidenceNonce } = registration
  const attested = { identity, config, evidence, evidenceNonce, release }
  return {
    ...launched,
    registration,
    open: createOpenCalls(),
    answer: async job => assemble(attested, job, await launched.infer(job)),
    answerPaid: async job => {
      const answered = await launched.infer(job)
      if (!answered.settlement)
        throw new FatalError('ANSWER_INVALID', 'The enclave counted a paid answer into no batch.', {
          fix: 'Use a host and an image of the same release.',
        })
      return { bundle: assemble(attested, job, answered), settlement: answered.settlement }
    },
  }
}

async function firstOf(
  exited: Promise<unknown>,
  afterMs: number,
  signal: AbortSignal,
  onRenewal: (renew: () => void) => void,
): Promise<'died' | 'old' | 'stop'> {
  const { promise, resolve } = Promise.withResolvers<'died' | 'old' | 'stop'>()
  onRenewal(() => resolve('old'))
  const timer = setTimeout(() => resolve('old'), Math.min(afterMs, 2 ** 31 - 1))
  const stop = () => resolve('stop')
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  void exited.then(() => resolve('died'))
  return promise.finally(() => {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  })
}

function warn({ common }: EnclavesOptions, error: unknown, pauseMs: number): void {
  const again = { againInS: Math.round(pauseMs / 1000) }
  common.logger.warn({ ...describeError(error), ...again }, 'no enclave is serving yet, trying again')
}
