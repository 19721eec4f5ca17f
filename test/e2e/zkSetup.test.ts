import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { graphBuilder } from '@nacre/proofs/zk/graph/build'
import type { Graph, Weights } from '@nacre/proofs/zk/graph/graph'
import { encodeModel } from '@nacre/proofs/zk/graph/model'
import { emitCircuit, type ModelCircuit } from '@nacre/proofs/zk/groth16/emit'
import { decodeKey, keyHash } from '@nacre/proofs/zk/groth16/key'
import { proveGroth16 } from '@nacre/proofs/zk/groth16/prove'
import { readPtau } from '@nacre/proofs/zk/groth16/ptau'
import { sourceOf } from '@nacre/proofs/zk/groth16/sections'
import { type SetupVerdict, verifySetup } from '@nacre/proofs/zk/groth16/setup'
import { verifyGroth16 } from '@nacre/proofs/zk/groth16/verify'
import { registerWeights } from '@nacre/proofs/zk/prove'
import { concatAll, toHex } from '@nacre/verify/bytes'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CeremonyMaker, ceremonyIn, type Made } from '../ceremony.ts'
import { nacre, type Result } from './nacre.ts'

/** A whole ceremony by snarkjs, of the smallest circuit that there is: multiples of one number of 4 bits. */

const dir = mkdtempSync(join(tmpdir(), 'nacre-zk-setup-'))
const at = (name: string): string => join(dir, name)
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(at(name)))
const setup = (...args: string[]): Promise<Result> => nacre('zk', 'setup', ...args, '--json')

type Built = { graph: Graph; weights: Weights }

function modelOf(factors: number[], hi = 7): Built {
  const { input, build } = graphBuilder({ dims: [1], lo: -8, hi })
  return build(input.dense({ dims: [factors.length, 1], values: Int32Array.from(factors) }))
}
/** As compile would. */
async function writeContainer(name: string, { graph, weights }: Built): Promise<void> {
  const { weightsIds } = await registerWeights(graph, weights)
  const scales = new Float64Array(graph.nodes.length + 1).fill(1)
  writeFileSync(at(name), encodeModel({ graph, weights, scales, root: weightsIds[0]! }))
}
function circuitOf(factors: number[], hi?: number): ModelCircuit {
  const { graph, weights } = modelOf(factors, hi)
  return emitCircuit(graph, weights)
}

const own = circuitOf([3, -2])
const CEM = 'Cem\n\t\tand\n\t\tothers'
let make: CeremonyMaker
let ptau: Made
let zkey: Made
let circuit: Result

// Each step's file stays: powers.0 and tiny.0 have no contribution, tiny.1 has the beacon's alone.
beforeAll(async () => {
  make = await ceremonyIn(dir)
  await writeContainer('tiny.nzkm', modelOf([3, -2]))
  circuit = await setup('circuit', at('tiny.nzkm'))
  ptau = await make.powers('powers', Number(circuit.json.power), ['Ann'])
  zkey = await make.zkey('tiny', bytesOf('tiny.r1cs'), ptau.path, ['beacon', CEM])
})
afterAll(async () => {
  await make?.end()
  rmSync(dir, { recursive: true, force: true })
})

const cli = (...more: string[]): Promise<Result> =>
  setup('verify', at('tiny.nzkm'), '--ptau', ptau.path, ...more)
const verify = (of: ModelCircuit, tau: Uint8Array, key: Uint8Array): Promise<SetupVerdict> =>
  verifySetup({ circuit: of, ptau: { file: { type: 'mem', data: tau }, source: sourceOf(tau) }, zkey: key })
const failed = ({ ok, key, checks }: SetupVerdict): string[] => {
  expect(ok).toBe(false)
  expect(key).toBeUndefined()
  return checks.filter(check => !check.ok).map(({ name }) => name)
}

test('the circuit, what it takes, and the commands that come next', () => {
  expect(circuit.code, circuit.stderr).toBe(0)
  expect(circuit.json).toMatchObject({ file: at('tiny.r1cs'), signals: 2, power: 8 })
  expect(circuit.json.commands).toEqual([
    expect.stringMatching(/^npx snarkjs groth16 setup /),
    expect.stringMatching(/^npx snarkjs zkey contribute /),
    expect.stringMatching(/^npx snarkjs zkey beacon /),
    expect.stringMatching(/^nacre zk setup verify /),
  ])
})

test('no circuit is written of what gets no key in the end', async () => {
  const { input, build } = graphBuilder({ dims: [1], lo: -8, hi: 7 })
  const outputs = [2, 3].map(factor => input.dense({ dims: [1, 1], values: Int32Array.of(factor) }))
  await writeContainer('two.nzkm', build(...outputs))
  expect(await setup('circuit', at('two.nzkm'))).toMatchObject({
    code: 2,
    json: { error: { code: 'zk-key-unsupported', message: expect.stringContaining('the graph has 2') } },
  })
})

test('a ceremony that holds: its contributors with their hashes, and a key that proofs are verified by', async () => {
  const { code, json, stdout, stderr } = await cli()
  expect(code, stderr).toBe(0)
  // snarkjs says a lot, and none of it there.
  expect(stdout.trimEnd().split('\n')).toHaveLength(1)
  expect(json).toMatchObject({
    ok: true,
    setup: 'ceremony',
    phase1: [{ name: 'Ann', hash: ptau.hashes[0] }],
    phase2: [
      { beacon: { iterationsExp: 10, value: expect.stringMatching(/^0x0102/) }, hash: zkey.hashes[0] },
      { name: CEM, hash: zkey.hashes[1] },
    ],
    file: at('tiny.nzkg'),
  })
  expect(stderr).toContain('at least one contributor')
  const file = bytesOf('tiny.nzkg')
  expect(json.artifact).toBe(toHex(keyHash(file)))
  const key = decodeKey(file)
  expect(key).toMatchObject({ setup: 'ceremony', dims: [1, 2], lo: -24 })
  const { proof, inputHash, outputs } = await proveGroth16(own, bytesOf('tiny.zkey'), Int32Array.of(5))
  expect(outputs).toEqual([Int32Array.of(15, -10)])
  verifyGroth16(key, { inputHash, output: outputs[0]! }, proof)
  const output = Int32Array.of(15, -9)
  expect(() => verifyGroth16(key, { inputHash, output }, proof)).toThrow(
    expect.objectContaining({ code: 'zk-invalid-proof' }),
  )
})

describe('what somebody can forge by: exit code 1, and no key', () => {
  test('nobody contributed, or a public beacon alone', async () => {
    const wanted = ['size', 'phase 1 contributions', 'phase 2 contributions']
    for (const name of ['tiny.0', 'tiny.1'])
      expect(failed(await verify(own, bytesOf('powers.0'), bytesOf(name)))).toEqual(wanted)
    const out = ['--out', at('none.nzkg')]
    const { code, json, stderr } = await cli('--zkey', at('tiny.1'), ...out)
    expect(code, stderr).toBe(1)
    expect(json).toMatchObject({ ok: false })
    expect(json.artifact).toBeUndefined()
    expect(stderr).toContain('does NOT hold')
    expect(() => bytesOf('none.nzkg')).toThrow()
  })

  test('the key of another circuit, of another size or of the same', async () => {
    const [tau, key] = [bytesOf('powers.ptau'), bytesOf('tiny.zkey')]
    expect(failed(await verify(circuitOf([3, -2], 23), tau, key))).toEqual(['circuit'])
    const other = await verify(circuitOf([-2, 3]), tau, key)
    expect(failed(other)).toEqual(['proving key'])
    // snarkjs's words.
    expect(other.checks.at(-1)!.detail).toMatch(/not match|not identical/)
  })

  test('a power that is another', async () => {
    const tau = bytesOf('powers.ptau')
    // Among those of tau on G1, behind the header's section.
    const index = 12 + 12 + 44 + 12 + 64 * 5 + 3
    const changed = tau.with(index, tau[index]! ^ 1)
    expect(failed(await verify(own, changed, bytesOf('tiny.zkey')))).toEqual(['powers of tau'])
  })
})

describe('files that fit nothing are refused before a point is looked at', () => {
  test('too few powers, or none that are prepared', async () => {
    const small = await make.powers('small', 4, [], false)
    const wanted = ['size', 'phase 1 contributions']
    const key = bytesOf('tiny.zkey')
    expect(failed(await verify(own, new Uint8Array(readFileSync(small.path)), key))).toEqual(wanted)
    expect(failed(await verify(own, bytesOf('powers.1'), key))).toEqual(['size'])
  })

  test('cut short, too long, of another kind or version', async () => {
    const [tau, key] = [bytesOf('powers.ptau'), bytesOf('tiny.zkey')]
    const long = (bytes: Uint8Array): Uint8Array => concatAll([bytes, Uint8Array.of(0)])
    for (const bytes of [tau.slice(0, -1), tau.slice(0, 7), long(tau), key, new Uint8Array(0)])
      await expect(verify(own, bytes, key)).rejects.toMatchObject({ code: 'zk-invalid-setup' })
    for (const bytes of [key.slice(0, -1), key.slice(0, 7), long(key), tau, new Uint8Array(0)])
      await expect(verify(own, tau, bytes)).rejects.toMatchObject({ code: 'zk-invalid-key' })
    for (const [a, b] of [
      [tau.with(4, 9), key],
      [tau, key.with(4, 9)],
    ] as const)
      await expect(verify(own, a, b)).rejects.toMatchObject({ code: 'zk-unsupported-version' })
    for (const name of ['powers.ptau', 'missing'])
      expect(await cli('--zkey', at(name))).toMatchObject({
        code: 2,
        json: { error: { code: 'bad-file', fix: expect.stringContaining('ceremony') } },
      })
  })

  test('numbers that would keep a verifier busy for years', () => {
    // The ceremony's power is the header's last number; a beacon's exponent follows its name.
    const powers = bytesOf('powers.ptau').with(12 + 12 + 40, 60)
    expect(() => readPtau(sourceOf(powers))).toThrow(/a ceremony of 2\^60/)
    const key = bytesOf('tiny.zkey')
    const exponent = Buffer.from(key).lastIndexOf('beacon') + 'beacon'.length + 1
    expect(key[exponent]).toBe(10)
    const busy = verify(own, bytesOf('powers.ptau'), key.with(exponent, 63))
    return expect(busy).rejects.toThrow(/2\^63 hashes/)
  })
})

test.each(['setup', 'setup circuit', 'setup verify'])('nacre zk %s --help', async name => {
  const { code, stdout } = await nacre('zk', ...name.split(' '), '--help')
  expect(code).toBe(0)
  expect(stdout).toMatch(name === 'setup' ? /ceremony/ : /--json/)
})
