import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeModel, encodeModel } from '@nacre/proofs/zk/graph/model'
import { decodeProofFile, encodeProofFile, MAX_PROOF_FILE } from '@nacre/proofs/zk/graph/proofFile'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeModel as encodeOnnx, LINEAR } from '../../enclave/test/onnxModel.ts'
import { modelPath, sampleOf } from '../../models/samples.ts'
import { nacre, type Result } from './nacre.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-zk-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const at = (name: string): string => join(dir, name)
const zk = (...args: string[]): Promise<Result> => nacre('zk', ...args, '--json')
const compile = (...args: string[]): Promise<Result> => zk('compile', ...args, '--state', at('state'))

const FLOWERS = '[[5.1,3.5,1.4,0.2],[6.7,3.0,5.2,2.3]]'
const [container, proof] = [at('iris-mlp.nzkm'), at('iris.nzks')]
let compiled: Result
let proven: Result

beforeAll(async () => {
  compiled = await compile('iris-mlp', '--out', container)
  proven = await zk('prove', container, FLOWERS, '--batch', '--out', proof)
})

describe('iris-mlp, two flowers in one proof', () => {
  test('compile says what the model is, what it loses and what a proof takes', () => {
    expect(compiled.code, compiled.stderr).toBe(0)
    expect(compiled.stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(compiled.json).toMatchObject({ file: container, samples: 30, zero_knowledge: false })
    const { model, accuracy_lost: lost, security_bits: security } = compiled.json
    expect(model).toMatch(/^0x[0-9a-f]{64}$/)
    expect(Math.abs(Number(lost))).toBeLessThan(0.05)
    expect(security).toBeGreaterThan(100)
    expect(compiled.stderr).toContain('NOT zero-knowledge')
    expect(compiled.stderr).toContain('calibrating on 30 samples')
  })

  test('prove tells the outputs, and verify every check', async () => {
    expect(proven.code, proven.stderr).toBe(0)
    expect(proven.json).toMatchObject({ batch: 2, model: compiled.json.model, clamped: 0 })
    const [{ values }] = proven.json.outputs as [{ values: number[][] }]
    // Setosa and virginica.
    expect(values.map(row => row.indexOf(Math.max(...row)))).toEqual([0, 2])
    const verified = await zk('verify', container, proof)
    expect(verified.code, verified.stderr).toBe(0)
    expect(verified.json).toMatchObject({
      ok: true,
      model: compiled.json.model,
      batch: 2,
      input: { values: JSON.parse(FLOWERS) },
      outputs: proven.json.outputs,
      zero_knowledge: false,
    })
    const { checks } = verified.json as { checks: { name: string; ok: boolean }[] }
    expect(checks.length).toBeGreaterThan(10)
    expect(checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['weights', 'model', 'security', 'end']),
    )
    expect(verified.stderr).toContain('NOT zero-knowledge')
  })

  test('with public weights, and the progress of it on standard error', async () => {
    const file = at('public.nzks')
    const made = await nacre('zk', 'prove', container, '[5.1,3.5,1.4,0.2]', '--public-weights', '--out', file)
    expect(made.code, made.stderr).toBe(0)
    expect(made.stderr.split('\n')).toEqual(expect.arrayContaining(['witness', 'lookups', 'openings']))
    expect(made.stdout).toContain('NOT zero-knowledge')
    expect(await zk('verify', container, file)).toMatchObject({ code: 0, json: { public_weights: true } })
  })
})

test('a model that no network serves is compiled by its name', async () => {
  const made = await compile('digits-transformer', '--out', at('transformer.nzkm'))
  expect(made.code, made.stderr).toBe(0)
  expect(made.json).toMatchObject({ samples: 100 })
  expect(Math.abs(Number(made.json.accuracy_lost))).toBeLessThan(0.05)
})

describe('what is not so does not verify: exit code 1, and the check that failed', () => {
  const refused = async (model: string, file: string, name: string): Promise<void> => {
    const { code, json, stderr } = await zk('verify', model, file)
    expect(code, stderr).toBe(1)
    expect(json).toMatchObject({ ok: false })
    expect(json.outputs).toBeUndefined()
    const { checks } = json as { checks: { name: string; ok: boolean }[] }
    expect(checks.filter(({ ok }) => !ok).map(check => check.name)).toEqual([name])
    expect(stderr).toContain('does NOT verify')
  }
  const changed = (change: (file: ReturnType<typeof decodeProofFile>) => object): string => {
    const file = decodeProofFile(readFileSync(proof))
    writeFileSync(at('changed.nzks'), encodeProofFile({ ...file, ...change(file) }))
    return at('changed.nzks')
  }

  test('another model', async () => {
    const other = at('iris-ols.nzkm')
    const regression = await compile('iris-ols', '--out', other)
    expect(regression.code, regression.stderr).toBe(0)
    // One output is always the largest.
    expect(regression.json.agreement).toBeUndefined()
    expect(regression.json.max_error).toBeLessThan(0.05)
    await refused(other, proof, 'model')
  })

  test('a container with other weights under the same root', async () => {
    const model = decodeModel(readFileSync(container))
    // Nearer to 0, so that ranges hold.
    const [values] = model.weights
    const first = values!.findIndex(value => value !== 0)
    values![first]! -= Math.sign(values![first]!)
    writeFileSync(at('weights.nzkm'), encodeModel(model))
    await refused(at('weights.nzkm'), proof, 'weights')
    const prove = await zk('prove', at('weights.nzkm'), '[5.1,3.5,1.4,0.2]', '--out', at('no.nzks'))
    expect(prove).toMatchObject({ code: 2, json: { error: { code: 'bad-file' } } })
  })

  test('another output, and a proof that was cut inside of its file', async () => {
    const { code, json } = await zk(
      'verify',
      container,
      changed(({ outputs: [output] }) => ({
        outputs: [output!.map((value, i) => (i === 0 ? value - 1 : value))],
      })),
    )
    expect(code).toBe(1)
    expect(json).toMatchObject({ ok: false })
    await refused(
      container,
      changed(({ proof }) => ({ proof: proof.slice(0, -4) })),
      'zk-proof-size',
    )
  })
})

describe('files that are none: exit code 2, what, why and fix', () => {
  const bad = async (args: string[], message: string, why = ''): Promise<void> => {
    const { code, json, stderr } = await zk(...args)
    expect(code, stderr).toBe(2)
    const error = {
      code: 'bad-file',
      message: expect.stringContaining(message),
      fix: expect.stringContaining('nacre zk'),
    }
    expect(json.error).toMatchObject({ ...error, why: expect.stringContaining(why) })
  }
  const cut = (file: string, length: number, name: string): string => {
    writeFileSync(at(name), readFileSync(file))
    truncateSync(at(name), length)
    return at(name)
  }

  test('cut short', async () => {
    await bad(['verify', container, cut(proof, 1000, 'cut.nzks')], 'cut.nzks is no file of a proof')
    await bad(['verify', cut(container, 100, 'cut.nzkm'), proof], 'cut.nzkm is no model')
  })

  test('too long: the size is known before a byte is read', async () => {
    await bad(['verify', container, cut(proof, MAX_PROOF_FILE + 1, 'long.nzks')], 'long.nzks', 'at most')
  })

  test('missing, or another format', async () => {
    await bad(['verify', container, at('missing')], 'missing is no file of a proof', 'ENOENT')
    await bad(['prove', modelPath('iris-mlp'), '[1,2,3,4]'], 'is no model that proofs are made for')
  })
})

describe('what cannot be compiled or proven', () => {
  test('an operator that has no proof is named', async () => {
    const linear = { ...LINEAR, nodes: LINEAR.nodes.map(node => ({ ...node, operator: 'Sin' })) }
    writeFileSync(at('sin.onnx'), encodeOnnx(linear))
    writeFileSync(at('samples.json'), FLOWERS)
    const { code, json } = await compile(at('sin.onnx'), '--samples', at('samples.json'))
    expect(code).toBe(2)
    expect(json.error).toMatchObject({
      code: 'unsupported-operator',
      message: expect.stringContaining('Sin'),
    })
  })

  test('own models need samples, unknown ones a name', async () => {
    writeFileSync(at('linear.onnx'), encodeOnnx(LINEAR))
    expect(await compile(at('linear.onnx'))).toMatchObject({
      code: 2,
      json: { error: { code: 'bad-input', fix: expect.stringContaining('--samples') } },
    })
    expect(await compile('nobody')).toMatchObject({
      code: 2,
      json: { error: { code: 'unknown-model' } },
    })
    expect(await compile(at('nobody.onnx'))).toMatchObject({
      code: 2,
      json: { error: { code: 'bad-file' } },
    })
  })

  test('inputs that do not fit, and several without --batch', async () => {
    for (const input of ['[1,2,3]', FLOWERS, '[["x"]]', '@/nowhere'])
      expect(await zk('prove', container, input)).toMatchObject({
        code: 2,
        json: { error: { code: 'bad-input' } },
      })
  })

  test('values beyond the calibrated range are clamped, which is said', async () => {
    const made = await zk('prove', container, '[500,3.5,1.4,0.2]', '--out', at('clamped.nzks'))
    expect(made).toMatchObject({ code: 0, json: { clamped: 1 } })
    expect(made.stderr).toContain('1 values of the input are outside')
  })
})

test('lenet5 from its ONNX file to a verified digit', async () => {
  const [model, file, input] = [at('lenet5.nzkm'), at('digit.nzks'), at('digit.json')]
  expect((await compile('lenet5', '--out', model)).json).toMatchObject({ samples: 100 })
  const { input: digit, expected } = sampleOf('lenet5', 3)
  writeFileSync(input, JSON.stringify([Array.from(digit.data, Number)]))
  const made = await zk('prove', model, `@${input}`, '--out', file)
  expect(made.code, made.stderr).toBe(0)
  const [{ values }] = made.json.outputs as [{ values: number[][] }]
  expect(String(values[0]!.indexOf(Math.max(...values[0]!)))).toBe(expected)
  expect(await zk('verify', model, file)).toMatchObject({ code: 0, json: { ok: true } })
})

test.each(['zk', 'zk compile', 'zk prove', 'zk verify', 'zk attest'])('nacre %s --help', async name => {
  const { code, stdout } = await nacre(...name.split(' '), '--help')
  expect(code).toBe(0)
  expect(stdout).toMatch(name === 'zk' ? /NOT\s+zero-knowledge/ : /--json/)
})
