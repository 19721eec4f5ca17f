import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeGroth16File, encodeGroth16File } from '@nacre/proofs/zk/groth16/proofFile'
import { fromHex } from '@nacre/verify/bytes'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lastLine, nacre, type Result, start } from './nacre.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-groth16-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const at = (name: string): string => join(dir, name)
const zk = (...args: string[]): Promise<Result> => nacre('zk', ...args, '--json')

const FLOWER = '[5.1,3.5,1.4,0.2]'
const [container, key, zkey, proof] = [at('ols.nzkm'), at('ols.nzkg'), at('ols.zkey'), at('ols.nzkp')]
let made: Result
let proven: Result

beforeAll(async () => {
  const compiled = await zk('compile', 'iris-ols', '--out', container, '--state', at('state'))
  expect(compiled.code, compiled.stderr).toBe(0)
  made = await zk('setup', 'development', container)
  proven = await zk('prove', container, FLOWER, '--groth16', '--out', proof)
})

/** The file with other bytes at its end, or another value, under another name. */
function changedProof(name: string, change: Partial<ReturnType<typeof decodeGroth16File>>): string {
  writeFileSync(at(name), encodeGroth16File({ ...decodeGroth16File(readFileSync(proof)), ...change }))
  return at(name)
}

const failedIn = ({ json }: Result): string[] =>
  (json.checks as { name: string; ok: boolean }[]).filter(({ ok }) => !ok).map(({ name }) => name)

describe('keys to develop with, a proof, and its checks', () => {
  test('setup says loudly what it is, and writes both keys beside the container', () => {
    expect(made.code, made.stderr).toBe(0)
    expect(made.stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(made.json).toMatchObject({ setup: 'development', key, proving_key: zkey })
    expect(made.stderr).toContain('DEVELOPMENT')
    expect(made.stderr).toContain('making points: H')
    expect(readFileSync(key)).toHaveLength(Number(made.json.key_bytes))
  })

  test('prove tells artifact, input hash and outputs; verify needs --development, and takes the input', async () => {
    expect(proven.code, proven.stderr).toBe(0)
    expect(proven.stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(proven.json).toMatchObject({ artifact: made.json.artifact, setup: 'development', clamped: 0 })
    expect(fromHex(proven.json.proof as `0x${string}`)).toHaveLength(256)
    const verified = await zk('verify', container, proof, '--development', '--input', FLOWER)
    expect(verified.code, verified.stderr).toBe(0)
    const { artifact, input_hash, outputs } = proven.json
    expect(verified.json).toMatchObject({ ok: true, artifact, input_hash, outputs, setup: 'development' })
    const names = (verified.json.checks as { name: string }[]).map(({ name }) => name)
    expect(names).toEqual(['key', 'setup', 'model', 'input', 'proof'])
    const refused = await zk('verify', container, proof)
    expect(refused.code).toBe(1)
    expect(failedIn(refused)).toEqual(['setup'])
    expect(refused.json.outputs).toBeUndefined()
  })
})

describe('what is not so does not verify: exit code 1, and the check that failed', () => {
  const verified = (file: string, ...args: string[]): Promise<Result> =>
    zk('verify', container, file, '--development', ...args)

  test('another output, proof, key or input', async () => {
    const file = decodeGroth16File(readFileSync(proof))
    const output = file.output.map(value => value + 1)
    const swapped = new Uint8Array([
      ...file.proof.subarray(192),
      ...file.proof.subarray(64, 192),
      ...file.proof.subarray(0, 64),
    ])
    const results = await Promise.all([
      verified(changedProof('output', { output })),
      verified(changedProof('proof', { proof: swapped })),
      verified(changedProof('hash', { inputHash: file.inputHash.with(31, file.inputHash[31]! ^ 1) })),
      verified(changedProof('artifact', { artifact: file.artifact.with(0, file.artifact[0]! ^ 1) })),
      verified(proof, '--input', '[6.7,3.0,5.2,2.3]'),
    ])
    expect(results.map(({ code }) => code)).toEqual([1, 1, 1, 1, 1])
    expect(results.map(failedIn)).toEqual([['proof'], ['proof'], ['proof'], ['key'], ['input']])
    for (const { json } of results) expect(json.outputs).toBeUndefined()
  })
})

describe('bad files and options: exit code 2, and what, why and fix', () => {
  const refuses = async (result: Promise<Result>, error: object): Promise<void> => {
    const { code, json, stderr } = await result
    expect(code, stderr).toBe(2)
    expect(json).toMatchObject({ error })
  }
  const cut = (name: string, from: string, length: number): string => {
    writeFileSync(at(name), readFileSync(from))
    truncateSync(at(name), length)
    return at(name)
  }

  test('files that are cut short, too long or another’s', async () => {
    const bad = { code: 'bad-file' }
    await Promise.all([
      refuses(zk('verify', container, cut('short.nzkp', proof, 100)), bad),
      refuses(zk('verify', container, cut('long.nzkp', proof, 100_000)), bad),
      refuses(zk('verify', container, proof, '--key', cut('short.nzkg', key, 600)), bad),
      refuses(zk('verify', container, proof, '--key', at('none.nzkg')), bad),
      refuses(zk('prove', container, FLOWER, '--groth16', cut('short.zkey', zkey, 9_000)), bad),
      refuses(zk('prove', container, FLOWER, '--groth16', key), bad),
      refuses(zk('register', proof, '--rpc', 'http://127.0.0.1:1', '--deployment', key), bad),
    ])
  })

  test('options of the other kind of proof', async () => {
    await Promise.all([
      refuses(zk('prove', container, FLOWER, '--groth16', '--batch'), { code: 'usage' }),
      refuses(zk('prove', container, FLOWER, '--groth16', '--public-weights'), { code: 'usage' }),
      refuses(zk('verify', container, container, '--development'), { code: 'usage' }),
      refuses(zk('verify', container, proof, '--model', `0x${'0'.repeat(64)}`), { code: 'usage' }),
    ])
  })

  test('a proving key of another model proves nothing', async () => {
    const other = at('mlp.nzkm')
    expect(await zk('compile', 'iris-mlp', '--out', other, '--state', at('state'))).toMatchObject({ code: 0 })
    const { code, json } = await zk('prove', other, FLOWER, '--groth16', zkey)
    expect(code).toBe(1)
    expect(json).toMatchObject({ error: { code: expect.stringMatching(/^zk-(wrong-model|invalid-key)$/) } })
  })
})

test('without snarkjs, which users install, a proof is verified all the same and none is made', async () => {
  const absent = `import { registerHooks } from 'node:module'
    registerHooks({ resolve: (name, context, next) => next(name === 'snarkjs' ? 'snarkjs-is-absent' : name, context) })`
  const env = {
    ...process.env,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(absent)}`,
  }
  const run = async (...args: string[]) => {
    const child = start(['zk', ...args, '--json'], { env })
    const [code] = await once(child.process, 'close')
    return { code, json: lastLine(child.stdout()) }
  }
  expect(await run('verify', container, proof, '--development')).toMatchObject({
    code: 0,
    json: { ok: true },
  })
  for (const args of [
    ['setup', 'development', container],
    ['prove', container, FLOWER, '--groth16'],
  ])
    expect(await run(...args)).toMatchObject({
      json: { error: { code: 'zk-snarkjs-missing', fix: expect.stringContaining('npm install snarkjs') } },
    })
})
