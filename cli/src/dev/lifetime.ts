import { CliError } from '../errors.ts'

/** What was started, stopped once in reverse order; also when a signal comes while something is still starting. */
export type Lifetime = {
  /** Registers a stop; runs it at once when closing has begun already. */
  keep(name: string, stop: () => unknown): Promise<void>
  close(): Promise<void>
  /** Resolves at the first SIGINT or SIGTERM. */
  interrupted: Promise<void>
  /** Watches a child: when it ends before closing began, `during` throws `child-failed`. */
  watch(name: string, exited: Promise<unknown>): void
  /** Has `during` throw this error, unless closing began. */
  fail(error: Error): void
  /** Runs work, or throws `interrupted` as soon as a signal comes. */
  during<T>(work: Promise<T>): Promise<T>
}

/** npm forwards a Ctrl-C that the terminal has sent already: two signals this close are one press, ms. */
const SAME_PRESS = 500

export function createLifetime(options: { onStopFailed: (name: string, error: unknown) => void }): Lifetime {
  const stops: { name: string; stop: () => unknown }[] = []
  let closing: Promise<void> | undefined
  const interrupt = Promise.withResolvers<void>()
  const death = Promise.withResolvers<never>()
  death.promise.catch(() => {})
  listen(() => interrupt.resolve())

  async function closeAll(): Promise<void> {
    for (const { name, stop } of stops.reverse()) {
      try {
        await stop()
      } catch (error) {
        options.onStopFailed(name, error)
      }
    }
  }

  return {
    keep: async (name, stop) => {
      if (closing) await stop()
      else stops.push({ name, stop })
    },
    watch: (name, exited) => void exited.then(() => closing === undefined && death.reject(childDied(name))),
    fail: error => closing === undefined && death.reject(error),
    close: () => (closing ??= closeAll()),
    interrupted: interrupt.promise,
    during: work => {
      work.catch(() => {})
      return Promise.race([
        work,
        death.promise,
        interrupt.promise.then(() => Promise.reject(interruptedError())),
      ])
    },
  }
}

/** The second press forces: children die with this process, or are found by their pid at the next start. */
function listen(onFirst: () => void): void {
  let first: number | undefined
  const handle = (): void => {
    const now = performance.now()
    first ??= now
    if (first === now) onFirst()
    else if (now - first > SAME_PRESS) process.exit(130)
  }
  process.on('SIGINT', handle)
  process.on('SIGTERM', handle)
}

function childDied(name: string): CliError {
  return new CliError('child-failed', {
    what: `${name} ended while the network was running`,
    why: 'it crashed, or somebody stopped it',
    fix: 'start nacre dev again: it continues from the saved state; logs/ in the state folder may say more',
  })
}

function interruptedError(): CliError {
  return new CliError('interrupted', {
    what: 'stopped before the main job was done',
    why: 'a signal came',
    fix: 'start nacre dev again: it continues from the saved state',
  })
}
