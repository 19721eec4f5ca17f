import { join } from 'node:path'
import { messageOf } from '@nacre/verify'
import { hexOf, objectOf, oneOf, parseJson, textOf } from '@nacre/verify/shape'
import type { Hex } from 'viem'
import { RetryableError } from '../../common/errors.ts'
import { type Exit, spawnChild } from '../../processes/supervise.ts'
import type { ZkModel } from './models.ts'

/** A proof that verifies, and the output's canonical bytes that it is about. */
export type Proven = { output: Hex; proof: Hex }

/** What `proveMain.ts` reads; without an input it proves the least one, to see that the files are of one model. */
export type Job = ZkModel['files'] & { input?: Hex }

const PROGRAM = join(import.meta.dirname, 'proveMain.ts')
const MAX_LINE = 4 * 2 ** 20
const PREFIX = '{"event":"proven"'
const FAILED = '{"event":"failed"'

const parseProven = objectOf<Proven & { event: 'proven' }>({
  event: oneOf('proven'),
  output: hexOf({ max: 2 ** 20 }),
  proof: hexOf(256),
})
const parseFailed = objectOf<{ event: 'failed'; message: string }>({
  event: oneOf('failed'),
  message: textOf(10_000),
})

/**
 * Proves in a process of its own, which ends with the work: snarkjs keeps a processor busy for seconds, takes memory as the
 * circuit has constraints, and leaves threads behind. The signal kills it. Throws PROOF_FAILED, retryable.
 */
export async function prove(
  { files }: ZkModel,
  input: Hex | undefined,
  signal: AbortSignal,
): Promise<Proven> {
  signal.throwIfAborted()
  const job: Job = { ...files, ...(input && { input }) }
  let said: Proven | undefined
  let why: string | undefined
  const child = spawnChild({
    command: process.execPath,
    args: [PROGRAM],
    input: JSON.stringify(job),
    // Others' code runs in it: of what we were started with it needs nothing.
    env: { PATH: process.env.PATH },
    stopSignal: 'SIGTERM',
    stopDeadlineMs: 1_000,
    onLine: line => {
      try {
        if (line.startsWith(PREFIX)) said = parseProven(parseJson(line, MAX_LINE, 'proof'), 'proof')
        if (line.startsWith(FAILED))
          why = parseFailed(parseJson(line, MAX_LINE, 'failure'), 'failure').message
      } catch (error) {
        why = messageOf(error)
      }
    },
  })
  const stop = () => void child.stop()
  signal.addEventListener('abort', stop, { once: true })
  const exit = await child.exited.finally(() => signal.removeEventListener('abort', stop))
  signal.throwIfAborted()
  if (said && exit.code === 0) return { output: said.output, proof: said.proof }
  throw failed(why ?? lastWords(exit, child.tail()))
}

function lastWords({ code, signal }: Exit, tail: string): string {
  return `it ended with ${signal ?? `code ${code}`}: ${tail.slice(-2_000) || 'it said nothing'}`
}

function failed(why: string): RetryableError {
  return new RetryableError('PROOF_FAILED', 'No proof was made.', {
    why,
    fix: 'Use the files of one model and one setup in zk; see that snarkjs is installed, and that there is memory for it.',
  })
}
