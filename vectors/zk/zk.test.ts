import { concat, fromHex, toHex, utf8 } from '@nacre/verify'
import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, test } from 'vitest'
import { decodeGraph, encodeGraph, graphHash } from '../../proofs/src/zk/graph/encode.ts'
import type { Statement } from '../../proofs/src/zk/graph/graph.ts'
import { createTranscript, type TranscriptEvent } from '../../proofs/src/zk/verifier/transcript.ts'
import { verifyWithTranscript, verifyZk } from '../../proofs/src/zk/verifier/verify.ts'
import type { ZkNegative, ZkVector } from './generate.ts'

// Vite reads the files, so that a browser has them too.
const files: Record<string, ZkVector | ZkNegative> = import.meta.glob('./*.json', {
  eager: true,
  import: 'default',
})
const positive = Object.entries(files).filter((entry): entry is [string, ZkVector] => 'proof' in entry[1])
const negative = Object.entries(files).filter((entry): entry is [string, ZkNegative] => 'of' in entry[1])

const integers = (text: string): Int32Array => Int32Array.from(text.split(' '), Number)

function statementOf(vector: ZkVector): Statement {
  return {
    graph: decodeGraph(fromHex(vector.graph)),
    weights: vector.mode === 0 ? { id: fromHex(vector.weightsId) } : { public: vector.weights.map(integers) },
    batch: vector.batch,
    input: integers(vector.input),
    outputs: vector.outputs.map(integers),
  }
}

describe('proofs', () => {
  test.each(positive)('%s verifies', (_, vector) => {
    const { ok, checks } = verifyZk(fromHex(vector.proof), statementOf(vector))
    expect(checks.filter(check => !check.ok)).toEqual([])
    expect(ok).toBe(true)
  })

  test.each(positive)('%s: the graph has these bytes and this hash', (_, vector) => {
    const graph = decodeGraph(fromHex(vector.graph))
    expect(toHex(encodeGraph(graph))).toBe(vector.graph)
    expect(toHex(graphHash(graph))).toBe(vector.graphHash)
  })

  test.each(positive)('%s: the transcript has these steps', (_, vector) => {
    const events: TranscriptEvent[] = []
    const transcript = createTranscript(event => events.push(event))
    verifyWithTranscript(fromHex(vector.proof), statementOf(vector), transcript)
    const golden = vector.transcript.map(line => line.split(' '))
    expect(chain(events)).toEqual(golden.map(([step, label, , state]) => `${step} ${label} ${state}`))
  })
})

/** S after each step, computed a third time (docs/zk-soundness.md, section 3). */
function chain(events: readonly TranscriptEvent[]): string[] {
  let state = sha256(concat(Uint8Array.of(0x10), utf8('nacre.zk.1')))
  return events.map(event => {
    const label = 'absorb' in event ? event.absorb : event.challenge
    const data = 'absorb' in event ? event.data : undefined
    const length = new Uint8Array(Uint32Array.of(data?.length ?? 0).buffer)
    const head = [Uint8Array.of(data ? 0x11 : 0x12), state, Uint8Array.of(label.length), utf8(label)]
    state = sha256(concat(...head, ...(data ? [length, data] : [])))
    return `${data ? 'absorb' : 'challenge'} ${label} ${toHex(state)}`
  })
}

describe('what must be refused', () => {
  test.each(negative)('%s', (_, { of, flip, cut = 0, extend = 0, statement, error, check }) => {
    const base = files[`./${of}`] as ZkVector
    const whole = fromHex(base.proof)
    const proof = concat(whole.slice(0, whole.length - cut), new Uint8Array(extend))
    if (flip) proof[flip.offset]! ^= flip.mask
    const verify = () => verifyZk(proof, statementOf({ ...base, ...statement }))
    if (error) {
      expect(verify).toThrow(expect.objectContaining({ code: error }))
      return
    }
    const { ok, checks } = verify()
    expect({ ok, check: checks.at(-1)?.name }).toEqual({ ok: false, check })
  })
})
