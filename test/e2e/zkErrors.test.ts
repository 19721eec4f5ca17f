import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { graphBuilder, type Tensor } from '@nacre/proofs/zk/graph/build'
import { encodeModel, modelIdOf } from '@nacre/proofs/zk/graph/model'
import { encodeProofFile, type ProofFile } from '@nacre/proofs/zk/graph/proofFile'
import { prove, registerWeights } from '@nacre/proofs/zk/prove'
import { toHex } from '@nacre/verify/bytes'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeModel as encodeOnnx, LINEAR } from '../../enclave/test/onnxModel.ts'
import { nacre, start } from './nacre.ts'

/** What users do wrong with `nacre zk`, and what it says: an exit code, a code, and what is not right. */

const dir = mkdtempSync(join(tmpdir(), 'nacre-zk-errors-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const at = (name: string): string => join(dir, name)
const write = (name: string, bytes: string | Uint8Array): string => {
  writeFileSync(at(name), bytes)
  return at(name)
}

const SAMPLES = [
  [1, 2, 3, 4],
  [2, 0, 1, 1],
]
let container: Uint8Array
let file: ProofFile
let id: string

/** A container of a network over [dims] that ends in one dense layer. */
async function containerOf(dims: number[], layers: (x: Tensor) => Tensor) {
  const { input, build } = graphBuilder({ dims, lo: -9, hi: 9 })
  const x = layers(input)
  const { graph, weights } = build(
    x.dense({ dims: [1, x.dims.at(-1)!], values: new Int32Array(x.dims.at(-1)!).fill(1) }),
  )
  const registered = await registerWeights(graph, weights)
  const scales = new Float64Array(graph.nodes.length + 1).fill(1)
  const model = { graph, weights, scales, root: registered.weightsIds[0]! }
  return { registered, model, bytes: encodeModel(model) }
}

beforeAll(async () => {
  const { registered, model, bytes } = await containerOf([1], x => x)
  container = bytes
  write('model.nzkm', bytes)
  const input = Int32Array.of(3)
  const { proof, outputs } = await prove(registered, input, 1)
  file = { mode: 0, model: modelIdOf(model), batch: 1, input, outputs, proof }
  write('proof.nzks', encodeProofFile(file))
  id = toHex(file.model)
})

const changed = (bytes: Uint8Array, at: number): Uint8Array => bytes.with(at, bytes[at]! + 1)
const onnxOf = (nodes = LINEAR.nodes, constants = LINEAR.constants!) =>
  encodeOnnx({ ...LINEAR, nodes, constants })
const samples = (value: unknown): string[] => ['--samples', write('samples.json', JSON.stringify(value))]
const compile = (...options: string[]): string[] => {
  return ['compile', write('linear.onnx', onnxOf()), ...options, '--out', at('out.nzkm')]
}

type Case = [name: string, args: () => string[] | Promise<string[]>, code: string, text: RegExp]

const cases: Case[] = [
  [
    'a container of another version',
    () => ['prove', write('v.nzkm', changed(container, 4)), '[3]'],
    'bad-file',
    /version 2/,
  ],
  [
    'a file of a proof of another version',
    () => ['verify', at('model.nzkm'), write('v.nzks', changed(encodeProofFile(file), 4))],
    'bad-file',
    /version 2/,
  ],
  [
    'weights out of range',
    () => {
      // The last weight, in four bytes: 2^30.
      const wide = Uint8Array.of(...container.subarray(0, -2), 4, 0, 0, 0, 0x40)
      return ['prove', write('weights.nzkm', wide), '[3]']
    },
    'bad-file',
    /a value 1073741824: below 2\^29/,
  ],
  [
    'shapes that do not fit',
    () => {
      const [w] = LINEAR.constants!
      const [x] = w!.dims
      return [
        'compile',
        write('shape.onnx', onnxOf(LINEAR.nodes, [{ ...w!, dims: [3, x!] }])),
        ...samples(SAMPLES),
      ]
    },
    'shape-mismatch',
    /MatMul/,
  ],
  [
    'past the budget of memory, with the estimate, before anything is committed to',
    async () => {
      const { bytes } = await containerOf([1, 1024, 1024], x => x.unfold([4, 4], { pads: [1, 2, 1, 2] }))
      return [
        'prove',
        write('large.nzkm', bytes),
        `@${write('large.json', JSON.stringify(new Array(2 ** 20).fill(0)))}`,
      ]
    },
    'model-too-large',
    /takes \d+ MB, the budget is 500 MB/,
  ],
  [
    'more rows than a batch has',
    () => [
      'prove',
      at('model.nzkm'),
      `@${write('rows.json', JSON.stringify(new Array(4097).fill([1])))}`,
      '--batch',
    ],
    'model-too-large',
    /a batch of 4097/,
  ],
  ['samples of another size', () => compile(...samples([[1, 2]])), 'invalid-input', /4 finite values/],
  [
    'labels that are fewer than rows',
    () => compile(...samples({ rows: SAMPLES, labels: [0] })),
    'bad-file',
    /1 labels for 2 rows/,
  ],
  [
    'a label of no output',
    () => compile(...samples({ rows: SAMPLES, labels: [0, 3] })),
    'invalid-input',
    /a label 3: the network has 3/,
  ],
  [
    'an identity that is none',
    () => ['verify', at('model.nzkm'), at('proof.nzks'), '--model', '0x12'],
    'usage',
    /--model cannot be 0x12/,
  ],
]

test.each(cases)('%s', async (_, args, code, text) => {
  const { code: exit, json, stderr } = await nacre('zk', ...(await args()), '--json')
  expect(exit, stderr).toBe(2)
  expect(json).toMatchObject({ error: { code, fix: expect.any(String) } })
  const { message, why = '' } = json.error as { message: string; why?: string }
  expect(`${message} ${why}`).toMatch(text)
  expect(existsSync(at('out.nzkm'))).toBe(false)
})

describe('proofs that are of something else are checks that fail', () => {
  const refused = async (args: string[], failed: string): Promise<void> => {
    const { code, json, stderr } = await nacre('zk', 'verify', at('model.nzkm'), ...args, '--json')
    expect(code, stderr).toBe(1)
    const { checks } = json as { checks: { name: string; ok: boolean }[] }
    expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual([failed])
  }
  const other = (name: string, change: Partial<ProofFile>): string =>
    write(name, encodeProofFile({ ...file, ...change }))

  test('a longer one, one of another version, another input', async () => {
    await refused([other('long.nzks', { proof: Uint8Array.of(...file.proof, 0) })], 'zk-proof-size')
    await refused([other('v.nzks', { proof: changed(file.proof, 4) })], 'zk-unsupported-version')
    await refused([other('input.nzks', { input: Int32Array.of(4) })], 'input-0')
  })

  test('--model: the identity that was meant, and another', async () => {
    const { code, json } = await nacre(
      'zk',
      'verify',
      at('model.nzkm'),
      at('proof.nzks'),
      '--model',
      id,
      '--json',
    )
    expect({ code, ok: json.ok }).toEqual({ code: 0, ok: true })
    await refused([at('proof.nzks'), '--model', `0x${'12'.repeat(32)}`], 'expected-model')
  })
})

test('samples with labels: how many answers are right before and after', async () => {
  const { code, json, stderr } = await nacre(
    'zk',
    ...compile(...samples({ rows: SAMPLES, labels: [2, 0] })),
    '--json',
  )
  expect(code, stderr).toBe(0)
  // The columns of the weights grow: the last output is the largest.
  expect(json).toMatchObject({ accuracy_float: 0.5, accuracy_integers: 0.5, accuracy_lost: 0 })
  rmSync(at('out.nzkm'))
})

test.each([
  ['compile', (input: string) => compile('--samples', input)],
  ['prove', (input: string) => ['prove', at('model.nzkm'), `@${input}`, '--out', at('out.nzks')]],
])('Ctrl-C ends %s, which says so and leaves nothing', async (name, args) => {
  // It stands where it reads, so that the signal comes before there is anything to write.
  for (const written of leftovers()) rmSync(at(written))
  const pipe = at(`${name}.pipe`)
  execFileSync('mkfifo', [pipe])
  const command = start(['zk', ...args(pipe), '--json'])
  const writer = await open(pipe, 'w')
  command.process.kill('SIGINT')
  await writer.writeFile(name === 'prove' ? '[3]' : JSON.stringify(SAMPLES))
  await writer.close()
  // A signal that ends nothing: it is waited for.
  expect(await command.end('SIGCONT')).toBe(130)
  expect(JSON.parse(command.stdout())).toMatchObject({ error: { code: 'interrupted' } })
  expect(leftovers()).toEqual([])
})

const leftovers = (): string[] => readdirSync(dir).filter(file => file.startsWith('out'))
