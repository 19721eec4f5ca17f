import { expect, test } from 'vitest'
import { encodeGraph, encodeModel, type Graph, LINEAR, LOGARITHM, message } from '../test/onnxModel.ts'
import { inspectModel } from './onnx.ts'

const RANDOM: Graph = {
  ...LOGARITHM,
  nodes: [{ operator: 'RandomNormalLike', inputs: ['x'], outputs: ['y'] }],
}
const EXTERNAL: Graph = { ...LINEAR, constants: [{ ...LINEAR.constants![0]!, external: 'weights.bin' }] }

/** A node with a graph inside, as If and Loop have. */
function within(graph: Graph): Graph {
  const branch = message(1, 'then_branch', 6, encodeGraph(graph), 20, 5)
  return { ...LOGARITHM, nodes: [{ operator: 'If', inputs: ['x'], outputs: ['y'], attributes: [branch] }] }
}

function nested(depth: number): Graph {
  return depth === 0 ? LOGARITHM : within(nested(depth - 1))
}

const linear = encodeModel(LINEAR)

test('a model that holds all its data and draws nothing passes', () => {
  expect(() => inspectModel(linear)).not.toThrow()
  expect(() => inspectModel(encodeModel(within(LINEAR)))).not.toThrow()
})

const refused: [string, Uint8Array, RegExp][] = [
  ['data in another file', encodeModel(EXTERNAL), /other files/],
  ['such data in a branch', encodeModel(within(EXTERNAL)), /other files/],
  ['a random operator', encodeModel(RANDOM), /random/],
  ['one in a branch', encodeModel(within(within(RANDOM))), /random/],
  ['one in a function', message(25, message(7, message(4, 'Multinomial'))), /random/],
  ['one in a training graph', message(20, message(1, message(1, message(4, 'Bernoulli')))), /random/],
  ['external sparse data', message(7, message(15, message(1, message(14, 1)))), /other files/],
  ['branches without end', encodeModel(nested(30)), /nested/],
  ['the other format of the engine', Buffer.concat([Buffer.of(0, 0, 0, 0), Buffer.from('ORTM')]), /ORT/],
  ['a group', Buffer.of(0x0b, 0x0c), /protobuf/],
  ['field zero', Buffer.of(0x00, 0x00), /protobuf/],
  ['a length beyond its end', Buffer.of(0x3a, 0x05, 0x00), /cut short/],
  ['an endless number', Buffer.alloc(12, 0xff), /too long/],
]
test.each(refused)('%s is refused', (_, model, message) => {
  expect(() => inspectModel(model)).toThrow(
    expect.objectContaining({ code: 'unsupported-model', message: expect.stringMatching(message) }),
  )
})

test('every cut of a model is refused or a smaller message, and never anything else', () => {
  for (let length = 0; length < linear.length; length++) {
    try {
      inspectModel(linear.subarray(0, length))
    } catch (error) {
      expect(error).toMatchObject({ code: 'unsupported-model' })
    }
  }
})
