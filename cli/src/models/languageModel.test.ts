import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tinyModel } from '../../../models/gguf/tiny.ts'
import { nacre, start } from '../../../test/e2e/nacre.ts'
import { readLanguageModels, removeModel } from '../catalog.ts'
import { statePaths } from '../paths.ts'

const bytes = tinyModel({ type: 'q4_0' })
const digest = createHash('sha256').update(bytes).digest('hex')
const folder = mkdtempSync(join(tmpdir(), 'nacre-language-'))
const state = join(folder, 'state')
const paths = statePaths(state)
const file = join(folder, 'Tiny.gguf')
let isSlow = false
const server = createServer((request, response) => {
  if (request.url === '/o/n/resolve/main/tiny.gguf')
    response.writeHead(302, {
      location: '/blob',
      'x-linked-etag': `"${digest}"`,
      'x-linked-size': bytes.length,
    })
  else response.writeHead(200, { 'content-length': bytes.length, etag: '"1"' })
  if (request.url !== '/blob') response.end()
  else if (isSlow) response.write(bytes.subarray(0, 50_000))
  else response.end(bytes)
})
const add = async (from: string, ...more: string[]) => {
  const { code, json } = await nacre('model', 'add', from, '--state', state, '--json', ...more)
  return { code, result: json }
}
const added = () => readLanguageModels(paths).filter(({ removal }) => removal !== undefined)

beforeAll(async () => {
  writeFileSync(file, bytes)
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  process.env.NACRE_HF_ENDPOINT = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

test('a file is added under its name and digest, once, and taken out again', async () => {
  const { code, result } = await add(file, '--sha256', digest)
  expect({ code, result }).toEqual({ code: 0, result: { name: 'tiny', artifact: `0x${digest}` } })
  expect(added()).toMatchObject([{ name: 'tiny', artifact: `0x${digest}` }])
  expect(readFileSync(added()[0]!.path)).toEqual(bytes)
  expect((await add(file, '--name', 'again')).result).toEqual({ name: 'tiny', artifact: `0x${digest}` })
  expect(added().length).toBe(1)
  removeModel(paths, 'tiny')
  expect(readdirSync(paths.models)).toEqual(['index.json'])
})

test('one of the hub is fetched and added, with its digest compared', async () => {
  const { code, result } = await add('hf:o/n/tiny.gguf')
  expect({ code, result }).toEqual({ code: 0, result: { name: 'tiny', artifact: `0x${digest}` } })
  expect(readdirSync(paths.models).toSorted()).toEqual([`${digest}.gguf`, 'index.json'].toSorted())
  truncateSync(added()[0]!.path, 100)
  expect(added).toThrow(expect.objectContaining({ code: 'bad-file' }))
  removeModel(paths, 'tiny')
})

test('another digest, another version, and a header that promises more than the file holds are refused', async () => {
  expect(await add(file, '--sha256', '0'.repeat(64))).toMatchObject({
    code: 2,
    result: { error: { code: 'bad-file' } },
  })
  const broken = join(folder, 'broken.gguf')
  for (const change of [4, 8, 16]) {
    const copy = Buffer.from(bytes)
    copy.writeUInt32LE(0xffffff, change)
    writeFileSync(broken, copy)
    expect(await add(broken)).toMatchObject({ code: 2, result: { error: { code: 'bad-file' } } })
  }
  expect(await add(file, '--sha256', 'x')).toMatchObject({ code: 2, result: { error: { code: 'usage' } } })
  expect(readdirSync(paths.models)).toEqual(['index.json'])
})

test('Ctrl-C keeps what has come, and says so', async () => {
  isSlow = true
  const command = start(['model', 'add', 'hf:o/n/tiny.gguf', '--state', state, '--json'])
  await command.says('stderr', ' MB')
  expect(await command.end('SIGINT')).toBe(130)
  expect(JSON.parse(command.stdout())).toMatchObject({
    error: { code: 'interrupted', why: expect.stringMatching(/^[1-9]/) },
  })
  expect(readdirSync(paths.models).some(name => name.endsWith('.part'))).toBe(true)
  isSlow = false
  expect((await add('hf:o/n/tiny.gguf')).code).toBe(0)
  expect(readdirSync(paths.models).toSorted()).toEqual([`${digest}.gguf`, 'index.json'].toSorted())
})
