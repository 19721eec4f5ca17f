import type { Hex } from 'viem'
import { describeError, FatalError } from '../../common/errors.ts'
import type { Common } from '../../common/index.ts'
import { createQueue } from '../../common/queue.ts'
import type { Database } from '../../database/connect.ts'
import { moveRequest } from '../requests.ts'
import type { RequestRow } from '../tables.ts'
import { zkAnswer, zkAnswerJson } from './answer.ts'
import type { ZkModel } from './models.ts'
import { prove } from './prove.ts'

export type Prover = {
  /** By artifact. */
  models: ReadonlyMap<Hex, ZkModel>
  /**
   * Takes a place for the request's proof, if there is time for it until the deadline, after those that have one: when
   * everything else that it takes would be done by `time`, the chain's, seconds. Whoever does not accept the request then
   * gives the place back.
   */
  reserve(row: RequestRow, time: bigint): boolean
  release(row: RequestRow): void
  /** Begins a proof of the request's input unless one is being made; it is stored with the request when it is ready. */
  begin(row: RequestRow, input: Hex): void
  /** Kills the proof in hand. */
  close(): Promise<void>
}

export type ProverOptions = {
  common: Pick<Common<unknown>, 'logger' | 'shutdown'>
  database: Database
  models: readonly ZkModel[]
  /** A proof is ready, or was not made. */
  onDone: () => void
}

const PAUSE_MS = 1_000
const MAX_PAUSE_MS = 30_000
/** A process that takes so many times as long as others did hangs. */
const HANGS = 20
const LEAST_HANG_MS = 60_000

type Entry = { artifact: Hex; deadline: bigint; running: boolean; failures: number; pauseUntil: number }

/**
 * Makes proofs, one after the other. Each model makes one before anything is accepted, of the least input that it has: that
 * its files are of one setup is known then, and how long a proof takes. Throws CONFIG_INVALID where they are not.
 */
export async function createProver(options: ProverOptions): Promise<Prover> {
  const { common, database, models } = options
  const { logger, shutdown } = common
  const queue = createQueue()
  const byArtifact = new Map(models.map(model => [model.artifact, model]))
  /** The longest of the last ones, ms. */
  const durations = new Map<Hex, number>()
  const entries = new Map<string, Entry>()
  let working: Promise<unknown> = Promise.resolve()

  async function timed(model: ZkModel, input: Hex | undefined, signal: AbortSignal) {
    const started = performance.now()
    const proven = await prove(model, input, signal)
    const took = performance.now() - started
    durations.set(model.artifact, Math.max(took, 0.9 * (durations.get(model.artifact) ?? 0)))
    return { ...proven, took }
  }

  for (const model of models) {
    await timed(model, undefined, shutdown.signal).catch(cause => {
      shutdown.signal.throwIfAborted()
      throw unusable(model, cause)
    })
    logger.info(
      { artifact: model.artifact, ms: Math.round(durations.get(model.artifact)!) },
      'proves a network',
    )
  }

  async function work(row: RequestRow, input: Hex, entry: Entry): Promise<void> {
    try {
      const model = byArtifact.get(row.artifact)!
      const late = AbortSignal.timeout(Math.max(LEAST_HANG_MS, HANGS * (durations.get(row.artifact) ?? 0)))
      const signal = AbortSignal.any([shutdown.signal, late])
      const { took, ...proven } = await timed(model, input, signal)
      const answer = zkAnswer(row, proven)
      await moveRequest(database.queries, row, {
        state: 'answered',
        reason: null,
        bundle: zkAnswerJson(answer),
      })
      logger.info({ request: row.id, ms: Math.round(took) }, 'proven')
      entry.failures = 0
    } catch (error) {
      if (shutdown.signal.aborted) return
      entry.failures++
      const pause = Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** entry.failures)
      entry.pauseUntil = performance.now() + pause
      logger.warn({ request: row.id, ...describeError(error) }, 'no proof was made, trying again')
    } finally {
      entry.running = false
      if (entry.failures === 0) entries.delete(keyOf(row))
      options.onDone()
    }
  }

  function entryOf(row: RequestRow): Entry {
    const { artifact, deadline } = row
    const entry = entries.get(keyOf(row)) ?? {
      artifact,
      deadline,
      running: false,
      failures: 0,
      pauseUntil: 0,
    }
    entries.set(keyOf(row), entry)
    return entry
  }

  return {
    models: byArtifact,
    reserve: (row, time) => {
      for (const [key, { running, deadline }] of entries) if (!running && deadline < time) entries.delete(key)
      const before = [...entries].filter(([key]) => key !== keyOf(row)).map(([, { artifact }]) => artifact)
      // Twice as long as they took: the machine may be busier then.
      const ms = 2 * [...before, row.artifact].reduce((sum, one) => sum + (durations.get(one) ?? 0), 0)
      if (time + BigInt(Math.ceil(ms / 1000)) > row.deadline) return false
      entryOf(row)
      return true
    },
    release: row => {
      if (!entries.get(keyOf(row))?.running) entries.delete(keyOf(row))
    },
    begin: (row, input) => {
      const entry = entryOf(row)
      if (entry.running || entry.pauseUntil > performance.now()) return
      entry.running = true
      working = queue(() => work(row, input, entry))
    },
    close: async () => void (await working),
  }
}

/** The same request may be in another block after a reorganisation. */
function keyOf({ id, blockHash }: RequestRow): string {
  return `${id}${blockHash}`
}

function unusable({ files }: ZkModel, cause: unknown): FatalError {
  const { message, why = message, fix } = describeError(cause)
  return new FatalError('CONFIG_INVALID', `No proof can be made of ${files.container}.`, {
    why,
    ...(fix && { fix }),
    cause,
  })
}
