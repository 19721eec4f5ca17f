import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPublicClient, createTestClient, type Hex, http, publicActions, toHex } from 'viem'
import { afterEach, expect, test } from 'vitest'
import { type Anvil, startAnvil } from './anvil.ts'

const opened: Anvil[] = []
const folder = () => mkdtempSync(join(tmpdir(), 'nacre-anvil-'))

afterEach(async () => {
  await Promise.all(opened.splice(0).map(anvil => anvil.stop()))
})

async function start(options: Parameters<typeof startAnvil>[0]): Promise<Anvil> {
  const anvil = await startAnvil(options)
  opened.push(anvil)
  return anvil
}

const clientOf = (anvil: Anvil) =>
  createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) }).extend(publicActions)

test('blocks and balances are there after a stop and a start', async () => {
  const dir = folder()
  const first = await start({ dir })
  const address = '0x00000000000000000000000000000000000000aa'
  await clientOf(first).setBalance({ address, value: 5n })
  await clientOf(first).mine({ blocks: 3 })
  const genesis = await clientOf(first).getBlock({ blockNumber: 0n })
  await first.stop()
  const second = await start({ dir })
  expect(await clientOf(second).getBalance({ address })).toBe(5n)
  expect(await clientOf(second).getBlockNumber()).toBe(3n)
  expect((await clientOf(second).getBlock({ blockNumber: 0n })).hash).toBe(genesis.hash)
})

test('a folder in use and a port in use are clear errors', async () => {
  const dir = folder()
  const first = await start({ dir })
  await expect(startAnvil({ dir })).rejects.toMatchObject({ code: 'STATE_IN_USE' })
  await expect(startAnvil({ port: first.port })).rejects.toMatchObject({ code: 'PORT_IN_USE' })
  const busy = createServer().listen(0, '127.0.0.1')
  await once(busy, 'listening')
  const { port } = busy.address() as { port: number }
  await expect(startAnvil({ port })).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    why: 'Another process listens there.',
    fix: expect.stringContaining(`sport = :${port}`),
  })
  busy.close()
})

test('a start that fails says what anvil said and frees the folder', async () => {
  const dir = folder()
  await expect(startAnvil({ dir, args: ['--no-such-option'] })).rejects.toMatchObject({
    code: 'PROCESS_FAILED',
  })
  await start({ dir })
})

test('it runs Osaka rules on chain 31337: the P-256 precompile answers', async () => {
  const anvil = await start({})
  const client = createPublicClient({ transport: http(anvil.rpcUrl) })
  expect(await client.getChainId()).toBe(31_337)
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const message = Buffer.from('signed')
  const hash = createHash('sha256').update(message).digest()
  const signature = sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  const point = publicKey.export({ type: 'spki', format: 'der' }).subarray(-64)
  const data: Hex = `0x${Buffer.concat([hash, signature, point]).toString('hex')}`
  expect((await client.call({ to: '0x0000000000000000000000000000000000000100', data })).data).toBe(
    toHex(1, { size: 32 }),
  )
})
