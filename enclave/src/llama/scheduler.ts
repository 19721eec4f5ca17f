import type { AddonContext } from './binding.ts'
import { PREFILL_CHUNK } from './kernel.ts'
import type { Sequence } from './sequence.ts'

/** Lets sequences share the model's batches, step by step. */
export type Scheduler = {
  /** Waits for a place, then runs. `failed` is told of an error of the library. */
  add(sequence: Sequence, failed: (error: unknown) => void): void
  /** Something else that computes: between two steps. */
  alone<T>(work: () => Promise<T>): Promise<T>
}

/**
 * A step reads one chunk of one prompt, in a batch of its own, then makes one token of every sequence that has read
 * its prompt, in one batch a model. So no chunk ever depends on neighbours, and no prompt makes others wait longer
 * than a chunk takes. What else computes comes between two steps, one at a time. `beat` is called after each batch.
 */
export function createScheduler(places: number, beat: () => void): Scheduler {
  let waiting: Entry[] = []
  let running: Entry[] = []
  const others: (() => Promise<unknown>)[] = []
  let active = false

  const wake = () => {
    if (active) return
    active = true
    void loop()
  }
  async function loop(): Promise<void> {
    for (;;) {
      const other = others.shift()
      if (other) await other().then(beat)
      admit()
      if (!running.length) {
        if (others.length) continue
        active = false
        return
      }
      const reader = running.find(({ sequence }) => sequence.reads)
      if (reader) await step([reader], beat)
      const writers = running.filter(({ sequence }) => !sequence.reads && sequence !== reader?.sequence)
      for (const group of groupsOf(writers)) await step(group, beat)
      // Lets messages in: an abort, another request.
      await new Promise(resolve => setImmediate(resolve))
      for (const { sequence } of running) if (sequence.ended) sequence.release()
      running = running.filter(stays)
    }
  }
  function admit(): void {
    // Who left is not kept until there is a place.
    for (const { sequence } of waiting) if (sequence.ended) sequence.release()
    waiting = waiting.filter(stays)
    while (running.length < places && waiting.length) {
      const entry = waiting.shift()!
      place(entry, running)
      running.push(entry)
    }
  }
  return {
    add(sequence, failed) {
      waiting.push({ sequence, failed })
      wake()
    },
    alone(work) {
      return new Promise((resolve, reject) => {
        others.push(() => work().then(resolve, reject))
        wake()
      })
    },
  }
}

type Entry = { sequence: Sequence; failed: (error: unknown) => void }

/** The lowest free place: neighbours in the context share micro-batches. Its cells are emptied. */
function place({ sequence }: Entry, running: Entry[]): void {
  const taken = running.filter(other => other.sequence.model === sequence.model)
  let slot = 0
  while (taken.some(other => other.sequence.slot === slot)) slot++
  sequence.slot = slot
  sequence.model.context.removeTokenCellsFromSequence(slot, -1, -1)
  sequence.start()
}

function stays({ sequence }: Entry): boolean {
  return !sequence.ended
}

/** Those of one model together, in the order of their places; each alone where the model does not allow that. */
function groupsOf(writers: Entry[]): Entry[][] {
  const groups = new Map<unknown, Entry[]>()
  for (const entry of writers) {
    const { model } = entry.sequence
    const key = model.batches ? model : entry
    groups.set(key, [...(groups.get(key) ?? []), entry])
  }
  return [...groups.values()].map(group => group.sort((a, b) => a.sequence.slot - b.sequence.slot))
}

/** One batch, and a token of each sequence that it completes. */
async function step(entries: Entry[], beat: () => void): Promise<void> {
  const present = entries.filter(stays)
  const context: AddonContext | undefined = present[0]?.sequence.model.context
  if (!context) return
  try {
    context.initBatch(PREFILL_CHUNK)
    const indices = present.map(({ sequence }) => sequence.add())
    await context.decodeBatch()
    await Promise.all(present.map((entry, i) => sample(entry, indices[i])))
  } catch (error) {
    for (const entry of present) fail(entry, error)
  }
  beat()
}

/** What fails here is this sequence's alone: a grammar that fits no token. */
async function sample(entry: Entry, index: number | undefined): Promise<void> {
  try {
    if (index !== undefined) await entry.sequence.sample(index)
  } catch (error) {
    fail(entry, error)
  }
}

function fail({ sequence, failed }: Entry, error: unknown): void {
  if (sequence.ended) return
  sequence.leave()
  failed(error)
}
