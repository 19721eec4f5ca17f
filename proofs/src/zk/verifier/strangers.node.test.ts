import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { serialize } from 'node:v8'
import { expect, test } from 'vitest'
import { graphBuilder, type Parameter, type Tensor } from '../graph/build.ts'
import type { Graph, Mode, Weights } from '../graph/graph.ts'
import { layoutOf, STRANGER_LIMITS } from '../graph/layout.ts'
import { messagesOf } from '../graph/messages.ts'
import { prove, registerWeights } from '../prover/prove.ts'

/** What costs the verifier most for what is counted: proofs that hold, as others are refused midway. */

const SCRIPT = fileURLToPath(new URL('../../../scripts/verifyStranger.ts', import.meta.url))

type Hostile = { graph: Graph; weights: Weights; batch: number; mode: Mode }

// All values are 0: what they are costs the verifier nothing.
const begin = (...dims: number[]) => graphBuilder({ dims, lo: 0, hi: 0 })
const zeros = (...dims: number[]): Parameter => {
  return { dims, values: new Int32Array(dims.reduce((size, dim) => size * dim, 1)) }
}

/** As many values as there may be. */
function manyValues(): Hostile {
  const { input, build } = begin(65536)
  return { ...build(input.add(input)), batch: 8, mode: 1 }
}

/** The longest tables of weights: dimensions that nothing splits. */
function longTables(): Hostile {
  const { input, build } = begin(8, 65535)
  return { ...build(input.reshape(65535, 8)), batch: 1, mode: 1 }
}

function longWindow(): Hostile {
  const { input, build } = begin(1, 1, 65536)
  return { ...build(input.conv(zeros(1, 1, 1, 24))), batch: 1, mode: 0 }
}

function manyWeights(): Hostile {
  const { input, build } = begin(16)
  return { ...build(input.dense(zeros(65536, 16))), batch: 1, mode: 1 }
}

/** Long for the transcript: a product of two tensors for every node. */
function manyMessages(): Hostile {
  const { input, build } = begin(8)
  let [a, b]: Tensor[] = [input, input.mul(input)]
  for (let i = 0; i < 1023; i++) [a, b] = [b!, b!.mul(a!)]
  return { ...build(b!), batch: 8, mode: 1 }
}

function manyTables(): Hostile {
  const { input, build } = begin(1)
  let x = input
  for (let i = 0; i < 127; i++) x = x.clamp(-i, i, { width: 12 })
  return { ...build(x), batch: 1, mode: 1 }
}

const cases = [manyValues, longTables, longWindow, manyWeights, manyMessages, manyTables]

test.each(cases.map(make => ({ name: make.name, make })))(
  '$name: at the limits for strangers a heap of 32 MB does, and the process grows by less than 50 MB',
  async ({ make }) => {
    const { graph, weights, batch, mode } = make()
    const layout = layoutOf(graph, batch, mode, STRANGER_LIMITS)
    // No graph has room for more messages; all else is near the limit.
    if (make !== manyMessages)
      expect(messagesOf(graph, layout).operations).toBeGreaterThan(STRANGER_LIMITS.operations / 2)
    const model = await registerWeights(graph, weights)
    const input = new Int32Array(batch * graph.input.dims.reduce((size, dim) => size * dim, 1))
    const { proof, outputs } = await prove(model, input, batch, { mode })
    const identity = mode === 1 ? { public: weights } : { id: model.weightsIds[0] }
    const statement = { graph, weights: identity, batch, input, outputs }
    const flags = ['--max-old-space-size=32', '--max-semi-space-size=1']
    const told = execFileSync(process.execPath, [...flags, SCRIPT], {
      input: serialize({ proof, statement }),
      encoding: 'utf8',
    })
    const { ok, bytes } = JSON.parse(told)
    expect(ok).toBe(true)
    expect(bytes).toBeLessThan(50e6)
  },
)
