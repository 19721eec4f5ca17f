import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAnvil } from '@nacre/host'
import { createRoot } from '@nacre/host/nsm/root'
import { expect, test } from 'vitest'
import { deployOnce } from './chain.ts'
import { startSavedChain } from './chainProcess.ts'
import { chainClient, chainWallet } from './clients.ts'
import { ACCOUNTS } from './settings.ts'

test('contracts are deployed once, and again when the saved ones are another release’s', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'nacre-deploy-'))
  const file = join(dir, 'deployment.json')
  const anvil = await startAnvil()
  try {
    const client = chainClient(anvil.rpcUrl)
    const wallet = chainWallet(anvil.rpcUrl, ACCOUNTS.publisher)
    const options = { client, wallet, file, root: createRoot().certificate }
    const { deployment, isNew } = await deployOnce(options)
    expect(isNew).toBe(true)
    expect(await deployOnce(options)).toEqual({ deployment, isNew: false })
    const older = { ...JSON.parse(readFileSync(file, 'utf8')), code: `0x${'00'.repeat(32)}` }
    writeFileSync(file, JSON.stringify(older))
    const again = await deployOnce(options)
    expect(again.isNew).toBe(true)
    expect(again.deployment.relay).not.toBe(deployment.relay)
  } finally {
    await anvil.stop()
    rmSync(dir, { recursive: true, force: true })
  }
})

test('a chain that goes on from its saved state tells contracts the hashes of recent blocks', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'nacre-saved-'))
  try {
    const first = await startSavedChain(dir, 0)
    await chainClient(first.rpcUrl).request({ method: 'anvil_mine', params: ['0x10'] } as never)
    await first.stop()
    const again = await startSavedChain(dir, 0)
    try {
      const client = chainClient(again.rpcUrl)
      const { number } = await client.getBlock()
      expect(number).toBeGreaterThanOrEqual(16n)
      // As deep as an operator goes for the block that evidence names.
      const { hash } = await client.getBlock({ blockNumber: number - 3n })
      const { data } = await client.call({ data: blockHashCode(number - 3n) })
      expect(data).toBe(hash)
    } finally {
      await again.stop()
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

/** Returns BLOCKHASH of this block. */
function blockHashCode(number: bigint): `0x${string}` {
  return `0x60${number.toString(16).padStart(2, '0')}4060005260206000f3`
}
