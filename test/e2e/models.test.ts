import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { operatorsAbi } from '@nacre/contracts'
import type { Hex } from '@nacre/verify'
import { afterAll, expect, test } from 'vitest'
import { chainClient } from '../../cli/src/dev/clients.ts'
import { stateFlag } from '../../cli/src/shell.ts'
import { openState } from '../../cli/src/state.ts'
import { encodeModel, LINEAR } from '../../enclave/test/onnxModel.ts'
import { freePorts } from '../../host/testing/ports.ts'
import { nacre, processesOf, start } from './nacre.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-models-'))
const state = join(dir, 'state')
const junk = write('junk.onnx', 'this is no model')
const linear = write('linear.onnx', encodeModel(LINEAR))

afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('what no enclave loads is refused with the enclave’s reason, and nothing is kept of it', async () => {
  const refused = await model('add', junk)
  expect(refused.code).toBe(2)
  expect(refused.json.error).toMatchObject({
    code: 'bad-file',
    message: expect.stringContaining(junk),
    why: expect.stringContaining('unsupported-model'),
    fix: expect.stringContaining('ONNX'),
  })
  expect(existsSync(join(state, 'models'))).toBe(false)
})

test('a model is opened in an enclave, added, and removed', async () => {
  const added = await model('add', linear, '--name', 'sums')
  expect(added.code, added.stderr).toBe(0)
  expect(added.stderr).toContain('the enclave loads it')
  expect(await names()).toContain('sums')
  expect(await model('add', linear, '--name', 'expire')).toMatchObject({ json: { name: 'sums' } })
  expect(await model('add', junk, '--name', 'expire')).toMatchObject({
    json: { error: { code: 'bad-input' } },
  })
  const removed = await model('remove', 'sums')
  expect(removed.code, removed.stderr).toBe(0)
  expect(removed.json).toEqual(added.json)
  expect(await names()).not.toContain('sums')
  expect(existsSync(join(state, 'models', `${String(added.json.artifact).slice(2)}.onnx`))).toBe(false)
})

test.each(['sums', 'iris-mlp'])('%s was not added, and is not removed', async name => {
  const refused = await model('remove', name)
  expect(refused.code).toBe(2)
  expect(refused.json.error).toMatchObject({ code: 'unknown-model', message: expect.stringContaining(name) })
})

test('nacre dev names a model that its enclave does not load, and starts when it is removed', async () => {
  const artifact = keep('legacy', readFileSync(junk))
  const port = await freePorts(5)
  const dev = ['dev', '--operators', '1', '--json', '--state', state, '--port', `${port}`]
  const failed = await nacre(...dev, '--once')
  expect(failed.code).toBe(3)
  const removal = `nacre model remove legacy${stateFlag({ root: state })}`
  expect(failed.json.error).toMatchObject({
    message: 'the enclave does not load the model legacy',
    why: expect.stringContaining('unsupported-model'),
    fix: `${removal}, then start again`,
  })
  expect(processesOf(state)).toEqual([])

  const removed = await nacre(...removal.split(' ').slice(1))
  expect(removed.code, removed.stderr).toBe(0)
  const running = start(dev)
  await running.says('stdout', '\n')
  // Of the start that failed, and of this one.
  expect(await offersOf(port + 1, artifact)).toEqual(['Announced', 'Withdrawn'])
  expect(await running.end('SIGINT')).toBe(0)
})

test('a model whose file is lost is named, and can be removed', async () => {
  const artifact = keep('lost', readFileSync(linear))
  rmSync(join(state, 'models', `${artifact.slice(2)}.onnx`))
  const listed = await model('list')
  const removal = `nacre model remove lost${stateFlag({ root: state })}`
  expect(listed.json.error).toMatchObject({ code: 'bad-file', fix: expect.stringContaining(removal) })
  expect((await model('remove', artifact)).code).toBe(0)
  expect((await model('list')).code).toBe(0)
})

function model(...args: string[]) {
  return nacre('model', ...args, '--state', state, '--json')
}

async function names(): Promise<string[]> {
  const { models } = (await model('list')).json as { models: { name: string }[] }
  return models.map(({ name }) => name)
}

function write(name: string, content: string | Uint8Array): string {
  const file = join(dir, name)
  writeFileSync(file, content)
  return file
}

/** As a version of nacre kept it that did not open a model before it took it. */
function keep(name: string, bytes: Uint8Array): Hex {
  const artifact: Hex = `0x${createHash('sha256').update(bytes).digest('hex')}`
  const file = `${artifact.slice(2)}.onnx`
  const { models } = openState(state)
  mkdirSync(models, { recursive: true })
  writeFileSync(join(models, file), bytes)
  const index = [{ name, title: name, file, sha256: artifact }]
  writeFileSync(join(models, 'index.json'), JSON.stringify(index))
  return artifact
}

/** What the operators said of a model, in order. */
async function offersOf(chainPort: number, artifact: Hex): Promise<string[]> {
  const { operators, block } = JSON.parse(readFileSync(join(state, 'deployment.json'), 'utf8'))
  const client = chainClient(`http://127.0.0.1:${chainPort}`)
  const filter = {
    address: operators as Hex,
    abi: operatorsAbi,
    fromBlock: BigInt(block),
    strict: true,
  } as const
  const events = await client.getContractEvents(filter)
  return events
    .filter(({ args }) => 'artifact' in args && args.artifact === artifact)
    .map(event => event.eventName)
}
