import { setImmediate } from 'node:timers/promises'
import { CliError } from '../../errors.ts'

/** Ends what was asked to stop: signals arrive between steps, which each take less than seconds. @throws CliError interrupted */
export async function ensureGoing(signal: AbortSignal): Promise<void> {
  // Signals come between two turns of the event loop.
  await setImmediate()
  await setImmediate()
  if (!signal.aborted) return
  throw new CliError('interrupted', {
    what: 'stopped before anything was written',
    why: 'Ctrl-C, or another signal to end',
    fix: 'run the command again',
  })
}
