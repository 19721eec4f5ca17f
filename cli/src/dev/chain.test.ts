import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAnvil } from '@nacre/host'
import { createRoot } from '@nacre/host/nsm/root'
import { expect, test } from 'vitest'
import { deployOnce } from './chain.ts'
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
