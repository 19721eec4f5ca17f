import { type Hex, messageOf } from '@nacre/verify'
import { EngineError } from '../inference/languageEngine.ts'
import { type Binding, openBinding } from './binding.ts'
import { type Embedding, embed } from './embeddings.ts'
import { type Model, openModel } from './model.ts'
import type { Call, LlamaLimits, Reply } from './protocol.ts'
import { createScheduler, type Scheduler } from './scheduler.ts'
import { Sequence } from './sequence.ts'

/** Of how many milliseconds the process tells that it works. */
const BEAT_MS = 1000

/** What the engine's process does: it answers calls until the other end of its channel is gone. */
export function serveLanguageEngine(limits: LlamaLimits): void {
  process.on('disconnect', () => process.exit(0))
  const send = (reply: Reply) => process.send?.(reply)
  const served = openBinding().then(binding => serverOf(binding, limits, send))
  served.catch(() => undefined)
  process.on('message', (call: Call) => {
    const fail = (error: unknown) => send({ id: call.id, type: 'error', ...described(error) })
    served.then(take => take(call, fail)).catch(fail)
  })
}

type Take = (call: Call, fail: (error: unknown) => void) => Promise<unknown> | undefined

function serverOf(binding: Binding, limits: LlamaLimits, send: (reply: Reply) => void): Take {
  const models = new Map<Hex, Model>()
  const running = new Map<number, { leave(): void }>()
  let loads: Promise<unknown> = Promise.resolve()
  const scheduler = createScheduler(limits.sequences, beatOf(send))

  const modelOf = (artifact: Hex): Model => {
    const model = models.get(artifact)
    if (model) return model
    throw new EngineError('engine-failed', 'the engine was started again and has not this model')
  }
  return (call, fail) => {
    const { id } = call
    if (call.call === 'load') {
      loads = loads.then(async () => {
        const model = models.get(call.artifact) ?? (await openModel(binding, call.file, limits))
        models.set(call.artifact, model)
        send({ id, type: 'facts', facts: model.facts })
      }, fail)
      const load = loads
      loads = load.catch(() => undefined)
      return load
    }
    if (call.call === 'generate') {
      const sequence = new Sequence(binding, modelOf(call.artifact), call.request, piece => {
        if (piece.type === 'end') running.delete(id)
        send({ id, type: 'piece', piece })
      })
      running.set(id, sequence)
      scheduler.add(sequence, error => {
        running.delete(id)
        fail(error)
      })
      return
    }
    if (call.call === 'abort') {
      running.get(id)?.leave()
      running.delete(id)
      return
    }
    const stop = { stopped: false, leave: () => Object.assign(stop, { stopped: true }) }
    running.set(id, stop)
    return embedAll(modelOf(call.artifact), call.inputs, scheduler, stop)
      .then(({ vectors, tokens }) => stop.stopped || send({ id, type: 'vectors', vectors, tokens }))
      .finally(() => running.delete(id))
  }
}

async function embedAll(
  model: Model,
  inputs: (Call & { call: 'embed' })['inputs'],
  scheduler: Scheduler,
  stop: { stopped: boolean },
): Promise<{ vectors: Float32Array[]; tokens: number }> {
  const made: Embedding[] = []
  for (const input of inputs) {
    if (stop.stopped) break
    made.push(await scheduler.alone(() => embed(model, input)))
  }
  return {
    vectors: made.map(({ vector }) => vector),
    tokens: made.reduce((total, { tokens }) => total + tokens, 0),
  }
}

function beatOf(send: (reply: Reply) => void): () => void {
  let last = 0
  return () => {
    const now = performance.now()
    if (now - last < BEAT_MS) return
    last = now
    send({ id: 0, type: 'beat' })
  }
}

function described(error: unknown): Pick<Reply & { type: 'error' }, 'code' | 'message'> {
  if (error instanceof EngineError) return { code: error.code, message: error.message }
  return { code: 'engine-failed', message: `the engine failed: ${messageOf(error).slice(0, 200)}` }
}
