import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enclaveRegistryAbi, releasesAbi } from '@nacre/contracts'
import { createClient } from '@nacre/sdk'
import { DEFAULT_POLICY, fromHex, type Hex, parseBundle, parsePolicy, verifyReceipt } from '@nacre/verify'
import type { LocalAccount } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chainClient, chainWallet } from '../../cli/src/dev/clients.ts'
import { ACCOUNTS, operatorAccount } from '../../cli/src/dev/settings.ts'
import { temporaryPostgres } from '../../host/src/database/testing.ts'
import { freePorts } from '../../host/testing/ports.ts'
import { loadIndex, sampleOf } from '../../models/samples.ts'
import type { ZkVector } from '../../vectors/zk/generate.ts'
import { proofFileOf, type ZkStatementVector } from '../../vectors/zk-statements/generate.ts'
import { lastLine, nacre, oldNode, processesOf, type Started, start } from './nacre.ts'
import { type Check, type Damaged, damage, failedChecks, flip } from './receipts.ts'

// One file, since its tests share the network that the first of them starts: a network of its own costs each ten seconds.

const vectorOf = <T>(path: string): T =>
  JSON.parse(readFileSync(join(import.meta.dirname, '../../vectors', path), 'utf8'))
const PROVEN = vectorOf<ZkStatementVector>('zk-statements/regression.json')

type Request = { consumer: string; artifact: Hex; answer: string; receipt: string; checks: Check[] }
type Result = { ready_ms: number; requests: Request[] }

const CONSUMERS = ['IrisOracle', 'IrisOracle', 'IrisOracle', 'IrisOracle', 'DigitReader', 'DigitReader']
const LONG = 300_000

let dir: string
let state: string
let port: number
let running: Started
let first: Result

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-e2e-'))
  state = join(dir, 'state')
  port = await freePorts(8)
  writeFileSync(join(dir, 'key.nzkv'), fromHex(PROVEN.key))
  running = startDev({ node: oldNode() }, '--zk', join(dir, 'key.nzkv'))
  first = await mainJobOf(running)
}, LONG)

afterAll(async () => {
  await running?.end()
  rmSync(dir, { recursive: true, force: true })
}, LONG)

describe('the main job, started by the machine’s own Node', () => {
  test('contracts ask, and every answer is checked', () => {
    expect(Object.keys(first)).toEqual(['ready_ms', 'requests', 'inference'])
    expect(first.requests.map(one => one.consumer)).toEqual(CONSUMERS)
    for (const { checks, receipt } of first.requests) {
      expect(failed(checks), receipt).toEqual([])
      const made = [
        'signature',
        'evidence-signature',
        'policy-release',
        'chain-key',
        'chain-anchor',
        'callback',
      ]
      expect(checks.map(check => check.name)).toEqual(expect.arrayContaining(made))
    }
    expect(
      receipts()
        .map(file => file.slice(-71, -5))
        .sort(),
    ).toEqual(first.requests.map(one => one.receipt).sort())
  })

  test('standard output is one JSON line; people read on standard error that it is SIMULATED', () => {
    expect(running.stdout().trimEnd().split('\n')).toHaveLength(1)
    expect(running.stderr()).toContain('SIMULATED')
    expect(running.stderr()).toMatch(/Try next.*nacre request .*--rpc .*\/metrics/s)
    for (const { receipt } of first.requests) expect(running.stderr()).toContain(receipt)
    expect(
      Math.max(
        ...running
          .stderr()
          .split('\n')
          .map(line => line.length),
      ),
    ).toBeLessThan(500)
  })

  test('keys are readable by their owner alone', () => {
    const own = [1, 2, 3].flatMap(number => [`${number}/private-key`, `${number}/config.json`])
    for (const file of [...own, 'simulated-root.key.pem'])
      expect(statSync(join(state, 'operator', file)).mode & 0o077, file).toBe(0)
  })

  test('every receipt verifies offline and with the chain', async () => {
    for (const file of receipts())
      expect(await failedChecks(file, { policy: policyFile() }), file).toEqual([])
    const file = receipts()[0]!
    expect(await failedChecks(file, { policy: policyFile(), rpc: rpc() })).toEqual([])
    const result = await nacre('receipt', 'verify', file, '--policy', policyFile(), '--json')
    expect(result.code, result.stderr).toBe(0)
    expect(result.stdout.trimEnd().split('\n')).toHaveLength(1)
  })

  test('without a policy a simulated receipt is rejected', async () => {
    const file = receipts()[0]!
    const names = ['evidence-root', 'policy-assurance', 'policy-release']
    expect(await failedChecks(file, {})).toEqual(expect.arrayContaining(names))
    const developmentRoot = join(state, 'simulated-root.der')
    const release = `0x${'11'.repeat(32)}`
    expect(await failedChecks(file, { developmentRoot, release })).toEqual(['policy-release'])
  })
})

test('an enclave of it verifies a proof against the key that it was started with', async () => {
  const { of, model, artifact } = PROVEN
  const proof = join(dir, 'proof.nzks')
  writeFileSync(proof, proofFileOf(vectorOf<ZkVector>(`zk/${of}`)))
  const out = join(dir, 'proof.receipt.json')
  const args = ['attest', join(dir, 'key.nzkv'), proof, '--state', state, '--out', out, '--json']
  const attested = await nacre('zk', ...args)
  expect(attested.code, attested.stderr).toBe(0)
  expect(attested.json).toMatchObject({ ok: true, model, artifact })
  expect(await failedChecks(out, { policy: policyFile(), rpc: rpc() })).toEqual([])
})

describe('a tampered receipt', () => {
  test.each([
    ['version', 'version'],
    ['requestId', 'request-id'],
    ['releaseId', 'release'],
    ['configHash', 'configuration'],
    ['artifact', 'signature'],
    ['inputHash', 'input'],
    ['outputHash', 'output'],
    ['parametersHash', 'parameters'],
    ['usageHash', 'usage'],
    ['status', 'signature'],
    ['sequence', 'signature'],
    ['anchorNumber', 'signature'],
    ['anchorHash', 'signature'],
    ['parentsRoot', 'extensions'],
    ['extensionsRoot', 'extensions'],
  ])('receipt.%s changed: %s and signature fail', async (field, name) => {
    const failed = await afterChange(bundle => {
      bundle.receipt[field] = flip(bundle.receipt[field])
    })
    expect(failed).toEqual(expect.arrayContaining([name, 'signature']))
  })

  test('every field of a receipt is among those changed', () => {
    expect(Object.keys(JSON.parse(readFileSync(receipts()[0]!, 'utf8')).receipt)).toHaveLength(15)
  })

  test.each([
    ['chainId', 'request-id'],
    ['registry', 'configuration'],
    ['signature', 'signature'],
    ['origin.relay', 'request-id'],
    ['origin.consumer', 'request-id'],
    ['origin.nonce', 'request-id'],
    ['input', 'input'],
    ['output', 'output'],
    ['parameters.seed', 'parameters'],
    ['parameters.engine', 'parameters'],
    ['usage.units', 'usage'],
    ['usage.price', 'usage'],
    ['usage.token', 'usage'],
    ['identity.receiptKey', 'identity'],
    ['identity.tlsKeyHash', 'identity'],
    ['identity.hpkeKey', 'identity'],
    ['identity.configHash', 'identity'],
    ['config.operator', 'configuration'],
    ['config.maxInput', 'configuration'],
    ['config.maxOutput', 'configuration'],
    ['evidence.bytes', 'evidence-signature'],
    ['evidenceNonce', 'evidence-nonce'],
    ['release.publisher', 'release'],
    ['release.manifest.files.0.sha256', 'release'],
  ])('%s changed: %s fails', async (path, name) => {
    const failed = await afterChange(bundle => {
      const keys = path.split('.')
      const last = keys.pop()!
      const parent = keys.reduce((value, key) => value[key], bundle)
      parent[last] = flip(parent[last])
    })
    expect(failed).toContain(name)
  })

  test('the command exits 1 and lists what failed', async () => {
    const file = write(bundle => {
      bundle.output = flip(bundle.output)
    })
    const result = await nacre('receipt', 'verify', file, '--policy', policyFile(), '--json')
    expect(result.code).toBe(1)
    expect(failed(result.json.checks as Check[])).toEqual(['output'])
  })

  test.each([
    ['request', { requestId: `0x${'22'.repeat(32)}` }, 'expected-request'],
    ['client nonce', { clientNonce: `0x${'22'.repeat(32)}` }, 'expected-request'],
    ['consumer', { consumer: `0x${'22'.repeat(20)}` }, 'expected-request'],
    ['relay', { relay: `0x${'22'.repeat(20)}` }, 'expected-request'],
    ['chain', { chainId: 1n }, 'expected-chain'],
    ['registry', { registry: `0x${'22'.repeat(20)}` }, 'expected-chain'],
    ['artifact', { artifact: `0x${'22'.repeat(32)}` }, 'artifact'],
  ] as const)('replayed as the answer of another %s: refused', (_name, expected, name) => {
    const bundle = parseBundle(readFileSync(receipts()[0]!, 'utf8'))
    const policy = parsePolicy(JSON.parse(readFileSync(policyFile(), 'utf8')))
    const { checks } = verifyReceipt(bundle, policy, { time: now(), expect: expected })
    expect(failed(checks)).toEqual([name])
  })
})

describe('an operator asked directly', () => {
  const model = loadIndex().find(one => one.name === 'iris-mlp')!
  const sample = sampleOf('iris-mlp', 7)
  const question = { artifact: model.sha256, input: sample.input }

  test('answers with a receipt that verifies', async () => {
    await client().attest()
    const { output, verification } = await client().infer(question)
    expect(sample.describe(output)).toContain(sample.expected)
    expect(verification).toMatchObject({ ok: true, assurance: 'simulated', status: 0 })
  })

  test('refuses an input of another shape or type, and NaN, with a signed error', async () => {
    const wrong = { dtype: 'float32', dims: [1, 3], data: Float32Array.of(1, 2, 3) } as const
    const type = { dtype: 'uint8', dims: [1, 4], data: Uint8Array.of(1, 2, 3, 4) } as const
    const nan = { dtype: 'float32', dims: [1, 4], data: Float32Array.of(1, 2, 3, Number.NaN) } as const
    for (const input of [wrong, type, nan])
      await expect(client().infer({ ...question, input })).rejects.toMatchObject({ code: 'error-answer' })
  })

  test('refuses an artifact that it does not have, with its own code', async () => {
    const artifact: Hex = `0x${'33'.repeat(32)}`
    await expect(client().infer({ ...question, artifact })).rejects.toMatchObject({ code: 'operator-error' })
  })

  test('is refused without the development root, for another release, or when it is another operator', async () => {
    const release: Hex = `0x${'44'.repeat(32)}`
    const refused = [
      { ...client.options(), developmentRoot: undefined },
      { ...client.options(), policy: { ...DEFAULT_POLICY, releases: [release] } },
      {
        ...client.options(),
        policy: { ...client.options().policy, operators: [`0x${'55'.repeat(20)}` as Hex] },
      },
    ].map(({ developmentRoot, ...options }) =>
      createClient({ ...options, ...(developmentRoot && { developmentRoot }) }),
    )
    for (const one of refused) {
      await expect(one.attest()).rejects.toMatchObject({ code: 'unverified-answer' })
      await expect(one.infer(question)).rejects.toMatchObject({ code: 'unverified-answer' })
    }
  })

  test('cannot answer with an earlier receipt', async () => {
    let kept: string | undefined
    const replay: typeof fetch = async (...call) => {
      kept ??= await (await fetch(...call)).text()
      return new Response(kept)
    }
    const one = createClient({ ...client.options(), fetch: replay })
    await one.infer(question)
    await expect(one.infer(question)).rejects.toThrow('expected-request')
  })

  function client() {
    return createClient(client.options())
  }
  client.options = () => ({
    url: `http://127.0.0.1:${port}`,
    policy: { ...DEFAULT_POLICY, releases: [networkFile().releaseId as Hex] },
    developmentRoot: new Uint8Array(readFileSync(join(state, 'simulated-root.der'))),
  })
})

describe('requests through the relay', () => {
  test('are answered, and the receipt is saved', async () => {
    const answered = await ask('iris-mlp', '[[5.1,3.5,1.4,0.2]]')
    expect(answered.code, answered.stderr).toBe(0)
    expect(failed(answered.json.checks as Check[])).toEqual([])
    expect(await failedChecks(String(answered.json.file), { policy: policyFile(), rpc: rpc() })).toEqual([])
  })

  test('with an input of the wrong shape are answered with a signed error', async () => {
    const refused = await ask('iris-mlp', '[[1,2,3]]')
    expect(refused.code).toBe(1)
    expect(refused.json).toMatchObject({ ok: false, status: 1 })
    expect(failed(refused.json.checks as Check[])).toEqual([])
  })
})

describe('bad use', () => {
  test.each([
    [['dev', '--port', '80'], 'usage'],
    [['dev', '--operators', '9'], 'usage'],
    [['dev', '--chaos', '--operators', '1'], 'usage'],
    [['dev', '--seed', '1'], 'usage'],
    [['nothing'], 'usage'],
    [['receipt'], 'usage'],
    [['receipt', 'verify'], 'usage'],
    [['receipt', 'verify', 'a', 'b'], 'usage'],
    [['doctor', '--stat', 'x'], 'usage'],
    [['dev', '--port'], 'usage'],
    [['receipt', 'verify', '/nowhere.json'], 'bad-file'],
    [['model', 'add', '/nowhere.onnx'], 'bad-file'],
    [['request', 'iris-mlp', '--sample', '-1'], 'bad-input'],
    [['request', 'lenet5', '--sample', '100'], 'bad-input'],
  ])('%j exits 2 with an error object that says what, why and how to fix it', async (args, code) => {
    const inState = /model|request/.test(args[0]!) ? ['--state', join(dir, 'm')] : []
    const result = await nacre(...args, ...inState, '--json')
    expect(result.code, result.stderr).toBe(2)
    const { message, why, fix, ...rest } = result.json.error as Record<string, string>
    expect(rest).toEqual({ code })
    for (const text of [message, why, fix]) expect(result.stderr).toContain(text)
  })

  test('an empty policy is an error', async () => {
    const empty = join(dir, 'empty-policy.json')
    writeFileSync(empty, JSON.stringify(DEFAULT_POLICY))
    await expect(failedChecks(receipts()[0]!, { policy: empty })).rejects.toMatchObject({
      code: 'bad-file',
      why: expect.stringContaining('no release and no publisher'),
    })
  })

  test('a node that answers nonsense, or is of another chain, is told apart from a bad receipt', async () => {
    const server = createHttpServer((_request, response) =>
      response.end('{"jsonrpc":"2.0","id":1,"result":"0x1"}'),
    )
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port: other } = server.address() as AddressInfo
    const file = receipts()[0]!
    const asked = failedChecks(file, { policy: policyFile(), rpc: `http://127.0.0.1:${other}` })
    await expect(asked).rejects.toMatchObject({ code: 'wrong-chain' })
    server.removeAllListeners('request')
    server.on('request', (_request, response) => response.end('<html>'))
    const garbage = failedChecks(file, { policy: policyFile(), rpc: `http://127.0.0.1:${other}` })
    await expect(garbage).rejects.toMatchObject({ code: 'not-running' })
    server.closeAllConnections()
    server.close()
  })

  test('a request without a network exits 4 and says how to start one', async () => {
    const result = await nacre('request', 'iris-ols', '--state', join(dir, 'none'), '--json')
    expect(result.code).toBe(4)
    expect(result.stderr).toContain('nacre dev')
  })

  test('a state folder in use, and one that holds other files, are refused', async () => {
    const inUse = await nacre('dev', '--once', '--json', '--state', state, '--port', `${await freePorts(7)}`)
    expect(inUse.code).toBe(3)
    expect(inUse.json.error).toMatchObject({ code: 'STATE_IN_USE' })
    const files = readdirSync(dir)
    const others = await nacre('dev', '--reset', '--json', '--state', dir)
    expect(others.code).toBe(3)
    expect(others.json.error).toMatchObject({ code: 'state-unusable' })
    expect(readdirSync(dir)).toEqual(files)
  })

  test('doctor runs every part that nacre dev needs', async () => {
    const result = await nacre('doctor', '--json', '--state', state)
    expect(result.code, result.stderr).toBe(0)
    const findings = result.json.findings as {
      name: string
      ok: boolean
      required: boolean
      detail: string
    }[]
    const required = findings.filter(finding => finding.required)
    expect(required.map(finding => finding.name)).toEqual(
      expect.arrayContaining(['anvil', 'postgresql', 'onnxruntime']),
    )
    expect(required.filter(finding => !finding.ok)).toEqual([])
    const drivers = ['simulated', 'qemu', 'nitro', 'tdx', 'snp', 'dstack'].map(name => `tee ${name}`)
    const found = findings.filter(({ name }) => name.startsWith('tee '))
    expect(found.map(({ name }) => name)).toEqual(drivers)
    expect(found.map(({ detail }) => detail)).not.toContain('')
  })
})

test(
  'a proof on chain: an operator without an enclave is started, asked, watched and stopped',
  async () => {
    const container = join(dir, 'iris.nzkm')
    const compiled = await nacre('zk', 'compile', 'iris-ols', '--out', container, '--state', state, '--json')
    expect(compiled.code, compiled.stderr).toBe(0)
    const asked = ['zk', 'request', container, '[5.1,3.5,1.4,0.2]', '--state', state, '--json']
    expect((await nacre(...asked)).json.error).toMatchObject({ code: 'bad-file' })
    const setup = await nacre('zk', 'setup', 'development', container, '--json')
    expect(setup.code, setup.stderr).toBe(0)

    const serving = start(['zk', 'serve', container, '--state', state, '--json'])
    await serving.says('stdout', '"ready"')
    const answered = await nacre(...asked)
    expect(answered.code, answered.stderr).toBe(0)
    const { artifacts, operator } = lastLine(serving.stdout()) as { artifacts: string[]; operator: string }
    const [artifact] = artifacts
    expect(artifact).toBe(setup.json.artifact)
    expect(answered.json).toMatchObject({
      ok: true,
      artifact,
      operator,
      output: { values: [[expect.any(Number)]] },
    })
    const watched = await nacre('request', 'watch', `${answered.json.request}`, '--state', state, '--json')
    expect(watched.code, watched.stderr).toBe(0)
    const { checks, hops } = watched.json as { checks: Check[]; hops: { hop: string; fits?: boolean }[] }
    expect(hops.map(({ hop }) => hop)).toEqual(['requested', 'drawn', 'accepted', 'fulfilled'])
    expect(checks.map(({ name }) => name)).toContain('proof')
    expect(failed(checks)).toEqual([])
    expect(await serving.end('SIGINT')).toBe(0)
    const refused = await nacre(...asked)
    expect(refused.json.error).toMatchObject({ message: expect.stringContaining('UnknownArtifact') })
  },
  LONG,
)

describe('killed with -9', () => {
  test(
    'the next start continues, and serves an added model',
    async () => {
      const before = contracts()
      const kept = receipts().length
      process.kill(networkFile().pid, 'SIGKILL')
      expect(await running.end()).toBe(137)
      const copy = join(dir, 'copy.onnx')
      const iris = readFileSync(new URL('../../models/iris-mlp.onnx', import.meta.url))
      // Another file of the same meaning: metadata_props (field 14) with a key and a value.
      writeFileSync(copy, Buffer.concat([iris, Buffer.from([0x72, 6, 0x0a, 1, 0x6b, 0x12, 1, 0x76])]))
      const added = await nacre('model', 'add', copy, '--state', state, '--json')
      expect(added.code, added.stderr).toBe(0)

      running = startDev({})
      const second = await mainJobOf(running)
      expect(second.requests.flatMap(one => failed(one.checks))).toEqual([])
      expect(contracts()).toEqual(before)
      expect(receipts()).toHaveLength(kept + second.requests.length)
      const answered = await ask('copy', '[[5.1,3.5,1.4,0.2]]')
      expect(answered.code, answered.stderr).toBe(0)
      expect(answered.json.artifact).toBe(added.json.artifact)
    },
    LONG,
  )

  test('a key and a release that are revoked on chain fail their checks', async () => {
    const options = { policy: policyFile(), rpc: rpc() }
    const file = join(state, 'receipts', `${lastReceipt()}.json`)
    const { receipt, identity, config } = parseBundle(readFileSync(file, 'utf8'))
    const { enclaveRegistry, releases } = contracts()
    const send = async (account: LocalAccount, call: object) => {
      const hash = await chainWallet(rpc(), account).writeContract(call as never)
      await chainClient(rpc()).waitForTransactionReceipt({ hash })
    }
    const key = { address: enclaveRegistry, abi: enclaveRegistryAbi, functionName: 'revokeKey' }
    const operators = [1, 2, 3].map(operatorAccount)
    const signer = operators.find(({ address }) => address.toLowerCase() === config.operator)!
    await send(signer, { ...key, args: [identity.receiptKey, receipt.releaseId, receipt.configHash] })
    expect(await failedChecks(file, options)).toEqual(['chain-key'])
    const release = { address: releases, abi: releasesAbi, functionName: 'revoke' }
    await send(ACCOUNTS.publisher, { ...release, args: [receipt.releaseId] })
    expect(await failedChecks(file, options)).toEqual(['chain-key', 'chain-release'])
  })
})

describe('stopped', () => {
  test('by Ctrl-C when it is up: exits 0, and nothing is left running', async () => {
    expect(await running.end('SIGINT')).toBe(0)
    expect(processesOf(state)).toEqual([])
    for (const file of ['network.json', 'lock', 'processes.json'])
      expect(existsSync(join(state, file))).toBe(false)
    expect(running.stdout().trimEnd().split('\n')).toHaveLength(1)
  })

  test('a port in use is named, and nothing is lost', async () => {
    const before = contracts()
    const taken = createServer().listen(port, '127.0.0.1')
    await once(taken, 'listening')
    const result = await nacre('dev', '--once', '--json', '--state', state, '--port', `${port}`)
    taken.close()
    expect(result.code).toBe(3)
    expect(result.json.error).toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`${port}`),
      why: 'Another process listens there.',
      fix: expect.stringContaining(`sport = :${port}`),
    })
    expect(contracts()).toEqual(before)
  })

  test(
    'by Ctrl-C while it starts: exits 130, and nothing is left running',
    async () => {
      const early = join(dir, 'early')
      const child = start(['dev', '--json', '--state', early, '--port', `${await freePorts(7)}`])
      await child.says('stderr', 'development chain')
      expect(await child.end('SIGINT')).toBe(130)
      expect(lastLine(child.stdout()).error).toMatchObject({ code: 'interrupted' })
      expect(processesOf(early)).toEqual([])
    },
    LONG,
  )
})

test(
  '--reset starts over and deletes only its own; DATABASE_URL is used; without bubblewrap it warns',
  async () => {
    const before = contracts()
    writeFileSync(join(state, 'notes.txt'), 'mine')
    const database = await temporaryPostgres()
    try {
      const PATH = `${brokenBubblewrap()}:${process.env.PATH}`
      const env = { ...process.env, PATH, DATABASE_URL: database.databaseUrl }
      const child = start(['dev', '--once', '--reset', '--json', '--state', state, '--port', `${port}`], {
        env,
      })
      expect(await once(child.process, 'close'), child.stderr()).toEqual([0, null])
      expect(child.stderr()).toContain('WITHOUT A SANDBOX: apt-get install bubblewrap')
      const next = child.stderr().slice(child.stderr().indexOf('Try next'))
      expect(next).toMatch(/receipt verify \S+ .*--policy \S+policy\.json/s)
      expect(next).toContain('npm start')
      expect(next).not.toMatch(/nacre request|--rpc|http:/)
      const { requests } = lastLine(child.stdout()) as Result
      expect(requests.map(one => one.consumer)).toEqual(CONSUMERS)
      expect(requests.flatMap(one => failed(one.checks))).toEqual([])
      expect(receipts()).toHaveLength(requests.length)
      expect(contracts().genesisHash).not.toBe(before.genesisHash)
      expect(existsSync(join(state, 'postgres'))).toBe(false)
      expect(existsSync(join(state, 'models'))).toBe(false)
      expect(readFileSync(join(state, 'notes.txt'), 'utf8')).toBe('mine')
    } finally {
      await database.stop()
    }
  },
  LONG,
)

/** A folder whose bwrap fails, as the real one does where user namespaces are forbidden. */
function brokenBubblewrap(): string {
  const folder = join(dir, 'broken')
  mkdirSync(folder)
  writeFileSync(
    join(folder, 'bwrap'),
    '#!/bin/sh\necho "No permissions to create new namespace" >&2\nexit 1\n',
    {
      mode: 0o755,
    },
  )
  return folder
}

function startDev(options: Parameters<typeof start>[1], ...args: string[]): Started {
  return start(['dev', '--json', '--state', state, '--port', `${port}`, ...args], options)
}

async function mainJobOf(child: Started): Promise<Result> {
  await child.says('stdout', '\n')
  return lastLine(child.stdout()) as Result
}

function policyFile(): string {
  return join(state, 'policy.json')
}

function rpc(): string {
  return `http://127.0.0.1:${port + 1}`
}

function now(): bigint {
  return BigInt(Math.floor(Date.now() / 1000))
}

function networkFile(): { pid: number; releaseId: string } {
  return JSON.parse(readFileSync(join(state, 'network.json'), 'utf8'))
}

function receipts(): string[] {
  return readdirSync(join(state, 'receipts')).map(name => join(state, 'receipts', name))
}

function lastReceipt(): string {
  return (lastLine(running.stdout()) as Result).requests.at(-1)!.receipt
}

/** An image that changed in between needs new consumers; everything else stays. */
function contracts(): Record<'genesisHash' | 'enclaveRegistry' | 'releases', Hex> {
  const { consumers, ...rest } = JSON.parse(readFileSync(join(state, 'deployment.json'), 'utf8'))
  expect(Object.keys(consumers).length).toBeGreaterThan(0)
  return rest
}

function ask(model: string, input: string) {
  return nacre('request', model, '--input', input, '--state', state, '--json')
}

function failed(checks: readonly Check[]): string[] {
  return checks.filter(check => !check.ok).map(check => check.name)
}

function write(change: (bundle: Damaged) => void): string {
  const file = join(dir, 'tampered.json')
  damage(receipts()[0]!, file, change)
  return file
}

function afterChange(change: (bundle: Damaged) => void): Promise<string[]> {
  return failedChecks(write(change), { policy: policyFile() })
}
