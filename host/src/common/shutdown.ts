import type { Logger } from 'pino'
import { firstLine } from './errors.ts'

/** Ordered closing: what was opened last closes first, all under one deadline. */
export type Shutdown = {
  /** Set when closing has begun; pass it to loops and waits. */
  signal: AbortSignal
  /** Registers a callback; the newest runs first. */
  onClose(name: string, close: () => unknown): void
  /** Closes everything once; later calls wait for the same closing. True when all of it closed in time. */
  close(): Promise<boolean>
}

export type ShutdownOptions = { logger: Logger; deadlineMs?: number }

/** Makes a shutdown. A callback that throws or hangs is logged and does not stop the others. */
export function createShutdown({ logger, deadlineMs = 10_000 }: ShutdownOptions): Shutdown {
  const controller = new AbortController()
  const steps: { name: string; close: () => unknown }[] = []
  let closing: Promise<boolean> | undefined

  async function closeAll(): Promise<boolean> {
    controller.abort()
    let clean = true
    for (const { name, close } of steps.reverse()) {
      try {
        await close()
      } catch (error) {
        clean = false
        logger.error({ name, error: firstLine(error) }, 'closing failed')
      }
    }
    return clean
  }

  return {
    signal: controller.signal,
    onClose: (name, close) => steps.push({ name, close }),
    close: () => (closing ??= withDeadline(closeAll(), deadlineMs, logger)),
  }
}

/** Closes on SIGINT and SIGTERM and then exits: 0 when everything closed, 1 otherwise. A second signal exits at once. */
export function closeOnSignals(shutdown: Shutdown): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (shutdown.signal.aborted) process.exit(1)
      void shutdown.close().then(clean => process.exit(clean ? 0 : 1))
    })
  }
}

async function withDeadline(work: Promise<boolean>, deadlineMs: number, logger: Logger): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => {
    logger.error({ deadlineMs }, 'closing took too long')
    resolve(false)
  }, deadlineMs)
  void work.then(resolve)
  return promise.finally(() => clearTimeout(timer))
}
