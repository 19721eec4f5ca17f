import { createHash } from 'node:crypto'
import { encodeTensor, type Hex, toHex } from '@nacre/verify'
import { loadIndex, sampleOf } from '../models/samples.ts'

/** What one request asks: a held-out sample of a model of the catalogue. */
export type Question = { artifact: Hex; input: Hex }

/** An operator, from 1, that is killed `afterMs` after so many requests have ended. */
export type Kill = { operator: number; ended: number; afterMs: number }

/** One request in so many has an operator killed. */
const REQUESTS_PER_KILL = 250
const MIN_KILLS = 2
/** nacre dev gives an agent up that dies six times in a row. */
const MAX_KILLS = 5
const MAX_AFTER_MS = 300
const SAMPLES = 30

/** The questions of a seed, mixed over the models. */
export function planQuestions(seed: number, requests: number): Question[] {
  const models = loadIndex()
  return Array.from({ length: requests }, (_, number) => {
    const draw = drawer(`${seed}:question:${number}`)
    const { name, sha256 } = models[draw(0) % models.length]!
    return { artifact: sha256, input: toHex(encodeTensor(sampleOf(name, draw(1) % SAMPLES).input)) }
  })
}

/** The kills of a seed, in the order of their moments: counted in requests, so that they do not depend on the machine. */
export function planKills(seed: number, requests: number, operators: number): Kill[] {
  const kills = Math.min(MAX_KILLS, Math.max(MIN_KILLS, Math.round(requests / REQUESTS_PER_KILL)))
  return Array.from({ length: kills }, (_, number) => {
    const draw = drawer(`${seed}:kill:${number}`)
    const ended = draw(1) % Math.max(1, Math.floor(requests * 0.9))
    return { operator: 1 + (draw(0) % operators), ended, afterMs: draw(2) % MAX_AFTER_MS }
  }).toSorted((one, other) => one.ended - other.ended)
}

/** Numbers of 32 bits by their index. */
function drawer(text: string): (index: number) => number {
  const hash = createHash('sha256').update(text).digest()
  return index => hash.readUInt32BE(4 * index)
}
