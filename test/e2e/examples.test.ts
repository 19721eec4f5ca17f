import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ARTIFACT, buildArtifact } from '../../examples/invoice-escrow/artifact.ts'
import { freePorts } from '../../host/testing/ports.ts'
import { nacre, type Started, start } from './nacre.ts'

// Each example's script, as a reader of its README runs it, against one network that serves all of their models.

const ROOT = join(import.meta.dirname, '../..')
const LONG = 300_000

let dir: string
let state: string
let running: Started

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-examples-'))
  state = join(dir, 'state')
  const file = join(dir, 'invoice-total.pipeline')
  writeFileSync(file, buildArtifact())
  const added = await nacre('model', 'add', file, '--state', state, '--json')
  expect(added.json).toEqual({ name: 'invoice-total', artifact: ARTIFACT })
  const port = await freePorts(5)
  running = start(['dev', '--operators', '1', '--json', '--state', state, '--port', `${port}`])
  await running.says('stdout', '\n')
}, LONG)

afterAll(async () => {
  await running?.end()
  rmSync(dir, { recursive: true, force: true })
}, LONG)

async function run(example: string): Promise<string> {
  const script = join(ROOT, 'examples', example, 'run.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--state', state], { cwd: dir })
  return stdout
}

test('invoice-escrow: less than the price and an unreadable picture release nothing, the invoice does', async () => {
  const lines = await run('invoice-escrow')
  const order = [
    'the buyer locks 2 ETH',
    'one cent less',
    'does not cover the price',
    'too faint',
    'refused: ',
    'as agreed',
    ': covers the price',
    'released',
    'the seller takes 2 ETH out of the escrow',
  ].map(text => lines.indexOf(text))
  expect(order).not.toContain(-1)
  expect(order).toEqual(order.toSorted((a, b) => a - b))
  expect(lines.match(/receipt verified/g)).toHaveLength(3)
})

test('iris-oracle: the contract knows the species', async () => {
  expect(await run('iris-oracle')).toMatch(/receipt verified: .*\nthe contract knows: virginica, 99\.\d %\n$/)
})

test('digit-lottery: the contract reads the digit that was drawn', async () => {
  expect(await run('digit-lottery')).toMatch(/the contract read a \d: (\w+ wins|nobody wins)\n$/)
})

test('vouchers: 64 answers are settled by one transaction, and the first is proven on chain', async () => {
  expect(await run('vouchers')).toMatch(
    /64 answers, each receipt verified.*\nthe chain settled 64 receipts under 0x\w{64}\n {2}1,?\d{3} gas a receipt, 0\.000064 ETH paid\n {2}the first receipt is proven by 6 hashes\n$/,
  )
})

test('private-chat: a stream by OpenAI’s own client, whose receipt is in a file that verifies', async () => {
  const lines = await run('private-chat')
  expect(lines).toMatch(
    /^verified before anything is sent: enclave 0x[0-9a-f]{40}\nwords answers: .+\nreceipt verified: .+\.json\n\d+ tokens for [1-9]\d* of the token’s smallest unit\n$/,
  )
  const [, file = ''] = lines.match(/receipt verified: (.+)/) ?? []
  expect(await nacre('receipt', 'verify', file, '--policy', join(state, 'policy.json'))).toMatchObject({
    code: 0,
  })
})

test('an example without its network says how to start one', async () => {
  const script = join(ROOT, 'examples/invoice-escrow/run.ts')
  const run = promisify(execFile)(process.execPath, [script, '--state', join(dir, 'none')])
  await expect(run).rejects.toMatchObject({
    code: 4,
    stderr: expect.stringContaining('start one: nacre dev'),
  })
})
