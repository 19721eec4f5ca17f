import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Imported } from '@nacre/proofs/zk/import'
import type { Thread } from '@nacre/proofs/zk/prove'
import { NacreError } from '@nacre/verify'
import { ensureGoing } from './interrupted.ts'
import type { Samples } from './source.ts'

const script = (name: string): URL => new URL(`./${name}.ts`, import.meta.url)

/**
 * Elements to commit to, from which a thread saves more than its start takes, about 60 ms of a second core: measured, a
 * million weights are proven in 0.29 instead of 0.32 s, four million in 0.77 instead of 0.99 s, and one digit of
 * LeNet-5 in 0.10 instead of 0.09 s.
 */
const WORTH_A_THREAD = 2 ** 19
/** More wait for one another: what a proof does alone is about a third. */
const MOST = 4

/**
 * Threads of the prover beside this one, which end with the process.
 * @param asked how many threads there are with this one, by the user
 * @param elements how many values are committed to or looked up
 */
export function proverThreads(asked: number | undefined, elements: number): Thread[] {
  const useful = elements >= WORTH_A_THREAD ? Math.min(MOST, availableParallelism()) : 1
  return Array.from({ length: (asked ?? useful) - 1 }, () => {
    const thread = new Worker(script('proverThread'))
    thread.unref()
    return thread
  })
}

type Answer = { imported: Imported } | { refused: { code: string; message: string; fix?: string } }

/** importOnnx in a thread: samples take as long as there are, and Ctrl-C ends it at once. @throws NacreError, CliError interrupted */
export async function importInThread(
  bytes: Uint8Array,
  { rows, labels }: Samples,
  signal: AbortSignal,
): Promise<Imported> {
  const thread = new Worker(script('importThread'), { workerData: { bytes, rows, labels } })
  try {
    const [answer] = (await once(thread, 'message', { signal })) as [Answer]
    if ('imported' in answer) return answer.imported
    const { code, message, fix } = answer.refused
    throw new NacreError(code, message, fix === undefined ? {} : { fix })
  } catch (error) {
    await ensureGoing(signal)
    throw error
  } finally {
    await thread.terminate()
  }
}
