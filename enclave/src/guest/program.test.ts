import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MAX_START } from './paths.ts'
import { programOptions, startProgram } from './program.ts'

const SOCKETS = { channel: '/c', securityModule: '/m' }
let dir: string
let server: Server
let host: Socket
let control: Socket

/** Two ends of one connection: the bridge's and init's. */
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-'))
  server = createServer().listen(join(dir, 'control'))
  await once(server, 'listening')
  host = dial(join(dir, 'control'))
  ;[control] = (await once(server, 'connection')) as [Socket]
})
afterEach(() => {
  host.destroy()
  control.destroy()
  server.close()
  rmSync(dir, { recursive: true, force: true })
})

async function optionsOf(line: string | Uint8Array): Promise<unknown> {
  host.end(line)
  return JSON.parse(await programOptions(control, SOCKETS))
}

test('the guest says where its sockets are, whatever the host says of them', async () => {
  const sockets = { channel: '/elsewhere', extra: 1 }
  expect(await optionsOf(`${JSON.stringify({ evidence: 'nitro', sockets })}\n`)).toEqual({
    evidence: 'nitro',
    sockets: SOCKETS,
  })
})

test('without a security module there is no socket for one', async () => {
  expect(await optionsOf('{"evidence":"tdx"}\n')).toEqual({ evidence: 'tdx', sockets: { channel: '/c' } })
})

test.each(['simulated', 'tdx', 'snp', 'dstack', undefined])(
  'a machine with a module of its own starts for no evidence of kind %s: nobody would have named an identity to it',
  async evidence => {
    host.end(`${JSON.stringify({ evidence })}\n`)
    await expect(programOptions(control, SOCKETS, { hasModule: true })).rejects.toThrow(
      'this machine’s evidence is nitro',
    )
  },
)

test('a machine with a module of its own starts for its evidence', async () => {
  host.end('{"evidence":"nitro"}\n')
  const options = JSON.parse(await programOptions(control, SOCKETS, { hasModule: true }))
  expect(options).toEqual({ evidence: 'nitro', sockets: SOCKETS })
})

test('the longest options that the link takes are taken', async () => {
  const empty = JSON.stringify({ x: '' })
  const x = 'x'.repeat(MAX_START - empty.length)
  expect(await optionsOf(`${JSON.stringify({ x })}\n`)).toMatchObject({ x })
})

test.each([
  ['longer ones', `${' '.repeat(MAX_START + 1)}\n`, 'start options of more than'],
  ['options without an end', ' '.repeat(MAX_START + 2), 'start options of more than'],
  ['no JSON', '{\n', 'JSON'],
  ['nothing', '', 'JSON'],
  ['null', 'null\n', 'null'],
  ['a line that breaks off', '{"evidence":"tdx"', 'JSON'],
])('%s: refused', async (_, line, message) => {
  await expect(optionsOf(line)).rejects.toThrow(message)
})

test('what a program says reaches the host, and its end', async () => {
  const program = join(dir, 'program.mjs')
  writeFileSync(program, 'console.error(process.argv[2], Object.keys(process.env).length); process.exit(3)')
  const said = text(host)
  startProgram(control, { node: process.execPath, program, config: 'config' })
  expect(await said).toBe('config 0\nenclave: ended (3)\n')
})

test('a program ends when init is gone', async () => {
  const program = join(dir, 'program.mjs')
  writeFileSync(program, "process.stdin.resume().on('end', () => process.exit(0))")
  const child = startProgram(control, { node: process.execPath, program, config: '' })
  child.stdin?.end()
  expect(await once(child, 'exit')).toEqual([0, null])
})
