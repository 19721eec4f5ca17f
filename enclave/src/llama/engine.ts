import type { Hex } from '@nacre/verify'
import { EngineError, type LanguageEngine, type ModelFacts, type Piece } from '../inference/languageEngine.ts'
import { MAX_WAITING_BYTES, MODEL_LOAD_LIMIT_MS, MODEL_PAUSES_MS, STEP_LIMIT_MS } from '../limits.ts'
import { type Child, startChild } from './child.ts'
import { createLoadedModels, type LoadedModels } from './loadedModels.ts'
import type { LlamaLimits, Call as NumberedCall, Reply } from './protocol.ts'
import { createQueue } from './queue.ts'

type Call = NumberedCall extends infer C ? (C extends NumberedCall ? Omit<C, 'id'> : never) : never

/**
 * llama.cpp in a process without keys, started from `program` at the first call, and again by the call after one that
 * crashed it or took too long; then with the models that were loaded, from their files. One that does not open then is out,
 * and is tried again after a while.
 */
export function createLanguageEngine(
  limits: LlamaLimits,
  program: string,
  bounds = {
    ...{ load: MODEL_LOAD_LIMIT_MS, step: STEP_LIMIT_MS, waiting: MAX_WAITING_BYTES },
    pauses: MODEL_PAUSES_MS,
  },
): LanguageEngine {
  let current: Promise<Child> | undefined
  let last: Promise<unknown> = Promise.resolve()
  let calls = 0
  let busy = 0
  let closed = false

  /** One after the other: of several calls that find it dead, the first starts it. */
  const running = (): Promise<Child> => {
    const next = current?.then(child => (child.alive() ? child : restart()), restart) ?? restart()
    current = next
    return next
  }
  const restart = async (): Promise<Child> => {
    if (closed) throw new EngineError('engine-failed', 'the engine was closed')
    const child = startChild(program, limits)
    for (const [artifact, file] of loaded.files()) {
      await one(child, { call: 'load', artifact, file }, bounds.load).catch(error => {
        loaded.fail(artifact)
        // The next call starts another, without it.
        if (!child.alive()) throw error
      })
    }
    return child
  }
  /** One load at a time. */
  const open = (artifact: Hex, file: string): Promise<Reply> => {
    const load = last.then(
      async () => await one(await running(), { call: 'load', artifact, file }, bounds.load),
    )
    last = load.catch(() => undefined)
    return load
  }
  const loaded = createLoadedModels(open, bounds.pauses)
  const one = (child: Child, call: Call, limitMs: number, signal?: AbortSignal): Promise<Reply> => {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const id = ++calls
    const take = (reply: Reply) => {
      if (reply.type === 'error') reject(new EngineError(reply.code, reply.message))
      else resolve(reply)
      return true
    }
    const onAbort = () => {
      child.abort(id)
      reject(signal!.reason)
    }
    child.ask({ ...call, id } as NumberedCall, take, reject, limitMs)
    signal?.addEventListener('abort', onAbort, { once: true })
    return promise.finally(() => signal?.removeEventListener('abort', onAbort))
  }
  /** @throws EngineError queue-full */
  const enter = () => {
    if (busy >= limits.sequences + limits.queue)
      throw new EngineError('queue-full', `${limits.sequences} requests run and ${limits.queue} wait already`)
    busy++
  }
  return {
    async load(artifact, file) {
      const facts = factsOf(await open(artifact, file))
      loaded.add(artifact, file)
      return facts
    },
    has: artifact => loaded.isIn(artifact),
    async *generate(artifact, request, signal) {
      signal.throwIfAborted()
      enter()
      try {
        requireLoaded(loaded, artifact)
        const child = await running()
        signal.throwIfAborted()
        const id = ++calls
        const queue = createQueue(weightOf)
        let tokens = 0
        const take = (reply: Reply) => {
          if (reply.type === 'error') queue.fail(new EngineError(reply.code, reply.message))
          if (reply.type !== 'piece') return true
          const full = queue.weight() > bounds.waiting
          if (full) child.abort(id)
          const piece = full ? cutOff(tokens) : reply.piece
          if (piece.type === 'token') tokens++
          queue.push(piece, piece.type === 'end')
          return piece.type === 'end'
        }
        const onAbort = () => queue.fail(signal.reason)
        signal.addEventListener('abort', onAbort, { once: true })
        child.ask({ id, call: 'generate', artifact, request }, take, queue.fail, bounds.step)
        try {
          yield* queue.items()
        } finally {
          signal.removeEventListener('abort', onAbort)
          child.abort(id)
        }
      } finally {
        busy--
      }
    },
    async embed(artifact, inputs, signal) {
      signal.throwIfAborted()
      enter()
      try {
        requireLoaded(loaded, artifact)
        const reply = await one(await running(), { call: 'embed', artifact, inputs }, bounds.step, signal)
        if (reply.type !== 'vectors') throw unexpected()
        return { vectors: reply.vectors, tokens: reply.tokens }
      } finally {
        busy--
      }
    },
    close() {
      closed = true
      current?.then(
        child => child.kill('was closed'),
        () => undefined,
      )
    },
  }
}

/** The end of a generation that its client reads too slowly: it gets what waits for it. */
function cutOff(completionTokens: number): Piece {
  return { type: 'end', text: '', reason: 'length', completionTokens }
}

/** About the memory of a piece. */
function weightOf(piece: Piece): number {
  if (piece.type !== 'token') return 0
  const told = piece.logprob ? [piece.logprob, ...(piece.top ?? [])] : []
  const ofTold = told.reduce(
    (sum, { token, bytes }) => sum + PIECE_BYTES + token.length + 8 * bytes.length,
    0,
  )
  return PIECE_BYTES + piece.text.length + ofTold
}

const PIECE_BYTES = 128

function factsOf(reply: Reply): ModelFacts {
  if (reply.type !== 'facts') throw unexpected()
  return reply.facts
}

function requireLoaded(loaded: LoadedModels, artifact: Hex): void {
  if (!loaded.has(artifact)) throw new EngineError('unsupported-model', 'this model is not loaded')
  if (!loaded.isIn(artifact))
    throw new EngineError('engine-failed', 'this model could not be loaded again: it is tried again soon')
}

function unexpected(): EngineError {
  return new EngineError('engine-failed', 'the engine answered another call')
}
