import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verify } from '../../cli/src/commands/receipt.ts'
import { freePorts, nacre, type Result, type Started, start } from './nacre.ts'

type Check = { name: string; ok: boolean; detail: string }
type Request = { consumer: string; artifact: string; answer: string; receipt: string; checks: Check[] }

let dir: string
let state: string
let port: number
let first: Result
let running: Started | undefined

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-e2e-'))
  state = join(dir, 'state')
  port = await freePorts()
  first = await nacre('dev', '--once', '--json', '--state', state, '--port', `${port}`)
}, 180_000)

afterAll(async () => {
  if (running && running.process.exitCode === null && running.process.signalCode === null) {
    running.process.kill('SIGKILL')
    await once(running.process, 'close')
  }
  rmSync(dir, { recursive: true, force: true })
})

const policy = (): string => join(state, 'policy.json')
const receipts = (): string[] =>
  readdirSync(join(state, 'receipts')).map(name => join(state, 'receipts', name))
const requests = (result: Result): Request[] => result.json.requests as Request[]
const contracts = (): object => {
  // An image that changed in between needs new consumers; everything else stays.
  const { consumers, ...rest } = JSON.parse(readFileSync(join(state, 'deployment.json'), 'utf8'))
  expect(Object.keys(consumers).length).toBeGreaterThan(0)
  return rest
}

describe('the main job', () => {
  test('contracts ask, and every answer is checked', () => {
    expect(first.code, first.stderr).toBe(0)
    expect(Object.keys(first.json)).toEqual(['ready_ms', 'requests'])
    expect(requests(first).map(one => one.consumer)).toEqual([
      'IrisOracle',
      'IrisOracle',
      'IrisOracle',
      'IrisOracle',
      'DigitReader',
      'DigitReader',
    ])
    for (const { checks, receipt } of requests(first)) {
      expect(
        checks.filter(check => !check.ok),
        receipt,
      ).toEqual([])
      expect(checks.map(check => check.name)).toEqual(
        expect.arrayContaining([
          'signature',
          'evidence-signature',
          'policy-release',
          'chain-key',
          'callback',
        ]),
      )
    }
    expect(receipts()).toHaveLength(requests(first).length)
    expect(first.stderr).toContain('SIMULATED')
  })

  test('every receipt verifies offline with the command line', async () => {
    for (const file of receipts()) expect((await inProcess(file, { policy: policy() })).ok, file).toBe(true)
    const result = await nacre('receipt', 'verify', receipts()[0]!, '--policy', policy(), '--json')
    expect(result.code, result.stderr).toBe(0)
  })

  test('without a policy a simulated receipt is rejected', async () => {
    const { ok, failed } = await inProcess(receipts()[0]!, {})
    expect(ok).toBe(false)
    expect(failed).toEqual(expect.arrayContaining(['evidence-root', 'policy-assurance', 'policy-release']))
    const wrongRelease = await inProcess(receipts()[0]!, {
      developmentRoot: join(state, 'simulated-root.der'),
      release: `0x${'11'.repeat(32)}`,
    })
    expect(wrongRelease.failed).toEqual(['policy-release'])
  })
})

describe('a tampered receipt', () => {
  const fields = [
    'requestId',
    'releaseId',
    'configHash',
    'artifact',
    'inputHash',
    'outputHash',
    'parametersHash',
  ]
  const hashes = [...fields, 'usageHash', 'anchorHash', 'parentsRoot', 'extensionsRoot']
  const numbers = ['version', 'status', 'sequence', 'anchorNumber']

  test.each([...hashes, ...numbers])('receipt.%s changed is refused, and the check is named', async field => {
    const { ok, failed } = await tampered(bundle => {
      const old = bundle.receipt[field]
      bundle.receipt[field] = typeof old === 'number' ? old + 1 : flip(String(old))
    })
    expect(ok).toBe(false)
    expect(failed.length).toBeGreaterThan(0)
  })

  test.each(['signature', 'input', 'output', 'evidenceNonce', 'registry'])(
    '%s changed is refused',
    async field => {
      const { ok, failed } = await tampered(bundle => {
        bundle[field] = flip(String(bundle[field]))
      })
      expect(ok).toBe(false)
      expect(failed.length).toBeGreaterThan(0)
    },
  )

  test('of another chain: the signature does not hold, and the command exits 1', async () => {
    const file = write(bundle => {
      bundle.chainId += 1
    })
    const result = await nacre('receipt', 'verify', file, '--policy', policy(), '--json')
    expect(result.code).toBe(1)
    expect((result.json.checks as Check[]).filter(check => !check.ok).map(check => check.name)).toContain(
      'request-id',
    )
  })

  test('for another request is refused', async () => {
    const { failed } = await inProcess(receipts()[0]!, { policy: policy(), request: `0x${'22'.repeat(32)}` })
    expect(failed).toEqual(['expected-request'])
  })
})

describe('bad use', () => {
  test.each([
    [['dev', '--port', 'x']],
    [['nothing']],
    [['receipt', 'verify']],
    [['receipt', 'verify', '/nowhere.json']],
    [['model', 'add', '/nowhere.onnx']],
  ])('%j exits 2 with an error object', async args => {
    const result = await nacre(...args, '--json')
    expect(result.code, result.stderr).toBe(2)
    expect(result.json.error).toMatchObject({ code: expect.any(String), message: expect.any(String) })
  })

  test('a request without a network exits 4 and says how to start one', async () => {
    const result = await nacre('request', 'iris-ols', '--state', join(dir, 'none'), '--json')
    expect(result.code).toBe(4)
    expect(result.stderr).toContain('nacre dev')
  })

  test('a port in use is named, and nothing is lost', async () => {
    const before = contracts()
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port: used } = taken.address() as { port: number }
    const result = await nacre('dev', '--once', '--json', '--state', state, '--port', `${used}`)
    taken.close()
    expect(result.code).toBe(3)
    expect(result.json.error).toMatchObject({ code: 'PORT_IN_USE' })
    expect(result.stderr).toContain(`${used}`)
    expect(contracts()).toEqual(before)
  })
})

describe('a second start', () => {
  test('continues from the saved state', async () => {
    const before = contracts()
    running = start('dev', '--json', '--state', state, '--port', `${port}`)
    await running.line()
    expect(contracts()).toEqual(before)
    expect(receipts()).toHaveLength(2 * requests(first).length)
  }, 180_000)

  test('the state folder is taken while it runs', async () => {
    const result = await nacre('dev', '--once', '--json', '--state', state, '--port', `${await freePorts()}`)
    expect(result.code).toBe(3)
    expect(result.json.error).toMatchObject({ code: 'STATE_IN_USE' })
  })

  test('answers nacre request, and verifies with the chain', async () => {
    const answered = await nacre(
      'request',
      'iris-mlp',
      '--input',
      '[[5.1,3.5,1.4,0.2]]',
      '--state',
      state,
      '--json',
    )
    expect(answered.code, answered.stderr).toBe(0)
    const rpc = `http://127.0.0.1:${port + 1}`
    expect((await inProcess(String(answered.json.file), { policy: policy(), rpc })).ok).toBe(true)
  })

  test('an input of the wrong shape is answered with a signed error', async () => {
    const refused = await nacre('request', 'iris-mlp', '--input', '[[1,2,3]]', '--state', state, '--json')
    expect(refused.code).toBe(1)
    expect(refused.json).toMatchObject({ status: 1 })
    expect((refused.json.checks as Check[]).every(check => check.ok)).toBe(true)
  })

  test('killed with -9, the next start recovers everything', async () => {
    running!.process.kill('SIGKILL')
    await once(running!.process, 'close')
    const before = contracts()
    const kept = receipts().length
    const again = await nacre('dev', '--once', '--json', '--state', state, '--port', `${port}`)
    expect(again.code, again.stderr).toBe(0)
    expect(requests(again).every(one => one.checks.every(check => check.ok))).toBe(true)
    expect(contracts()).toEqual(before)
    expect(receipts()).toHaveLength(kept + requests(again).length)
  }, 180_000)
})

/** `nacre receipt verify` without a new process. */
async function inProcess(
  file: string,
  options: Parameters<typeof verify>[1],
): Promise<{ ok: boolean; failed: string[] }> {
  let result: { checks: Check[] } | undefined
  const output = {
    json: true,
    color: false,
    line: () => {},
    result: (value: unknown) => (result = value as typeof result),
  }
  const code = await verify(file, options, output)
  return { ok: code === 0, failed: result!.checks.filter(check => !check.ok).map(check => check.name) }
}

// biome-ignore lint/suspicious/noExplicitAny: a receipt to damage in every way
type Damaged = any

function write(damage: (bundle: Damaged) => void): string {
  const bundle = JSON.parse(readFileSync(receipts()[0]!, 'utf8'))
  damage(bundle)
  const file = join(dir, 'tampered.json')
  writeFileSync(file, JSON.stringify(bundle))
  return file
}

function tampered(damage: (bundle: Damaged) => void): Promise<{ ok: boolean; failed: string[] }> {
  return inProcess(write(damage), { policy: policy() })
}

/** Changes the last digit. */
function flip(hex: string): string {
  return `${hex.slice(0, -1)}${hex.endsWith('0') ? '1' : '0'}`
}
