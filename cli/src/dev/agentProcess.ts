import { setTimeout as sleep } from 'node:timers/promises'
import { CliError } from '../errors.ts'
import { isStopped, sendSignal } from './processes.ts'

/** What an agent says when its enclave's key is registered: docs/operating.md, The agent. */
export type Ready = { url: string; receiptKey: `0x${string}`; sandboxed: boolean }

/** One start of the agent; `ready` rejects when it dies before. */
export type Launched = { pid: number; exited: Promise<unknown>; ready: Promise<Ready>; stop(): Promise<void> }

/** An operator agent that is started again when it dies. */
export type AgentProcess = {
  start(): Promise<Ready>
  /** It stands still until it is thawed or killed; returns when it does. */
  freeze(): Promise<void>
  thaw(): void
  /** SIGKILL, and it stays dead until it is started. */
  kill(): Promise<void>
  /** In order, and for good. */
  stop(): Promise<void>
}

export type AgentOptions = {
  name: string
  launch: () => Launched
  say: (text: string) => void
  /** Started again; what it said. */
  onBack: (ready: Ready) => void
  /** Died so often that it is not started again. */
  onGivenUp: (error: CliError) => void
  /** Before the first new start, ms; doubles with each failure. */
  pauseMs?: number
}

/** A life shorter than this after it was ready counts as a failure, ms; so many in a row, and the network ends. */
const SHORT_LIFE = 30_000
const MAX_FAILURES = 5

export function createAgentProcess(options: AgentOptions): AgentProcess {
  const { name, launch, say, pauseMs = 500 } = options
  let current: (Launched & { readyAt?: number; ended?: boolean }) | undefined
  let guard = new AbortController()
  let stopped = false

  async function launchOnce(): Promise<Ready> {
    if (stopped) throw new Error(`${name} was stopped`)
    const launched: NonNullable<typeof current> = launch()
    current = launched
    void launched.exited.then(() => {
      launched.ended = true
    })
    try {
      const ready = await launched.ready
      launched.readyAt = performance.now()
      return ready
    } catch (error) {
      await launched.stop()
      throw error
    }
  }

  /** Starts it again after each death, until `signal` says that it was meant. */
  async function guardAgainstDeath(signal: AbortSignal): Promise<void> {
    for (let failures = 0; ; ) {
      await current?.exited
      if (signal.aborted) return
      failures = livedShortly(current?.readyAt) ? failures + 1 : 1
      if (failures > MAX_FAILURES) return options.onGivenUp(givenUp(name))
      const pause = pauseMs * 2 ** (failures - 1)
      say(`${name} died; it is started again in ${pause / 1000} s`)
      await sleep(pause, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      await launchOnce().then(options.onBack, () => {})
    }
  }

  function signalTo(signal: NodeJS.Signals): void {
    if (current && !current.ended) sendSignal(current.pid, signal)
  }

  return {
    start: async () => {
      guard = new AbortController()
      const ready = await launchOnce()
      void guardAgainstDeath(guard.signal)
      return ready
    },
    freeze: async () => {
      if (stopped) return
      signalTo('SIGSTOP')
      while (current && !current.ended && !isStopped(current.pid)) await sleep(1)
    },
    thaw: () => signalTo('SIGCONT'),
    kill: async () => {
      guard.abort()
      signalTo('SIGKILL')
      await current?.exited
    },
    stop: async () => {
      stopped = true
      guard.abort()
      // One that stands still would not hear that it has to stop.
      signalTo('SIGCONT')
      await current?.stop()
    },
  }
}

function livedShortly(readyAt: number | undefined): boolean {
  return readyAt === undefined || performance.now() - readyAt < SHORT_LIFE
}

function givenUp(name: string): CliError {
  return new CliError('child-failed', {
    what: `${name} died ${MAX_FAILURES + 1} times, each soon after its start`,
    why: 'something keeps it from running',
    fix: `read logs/${name.replace(' ', '-')}.log in the state folder, then start nacre dev again`,
  })
}
