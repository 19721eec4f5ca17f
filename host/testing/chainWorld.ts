import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { operatorsAbi, relayAbi } from '@nacre/contracts'
import { deploy, type Wallet } from '@nacre/sdk'
import type { Hex } from '@nacre/verify'
import pg from 'pg'
import {
  createTestClient,
  createWalletClient,
  http,
  type PublicClient,
  publicActions,
  zeroAddress,
} from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { loadRoot } from '../src/nsm/root.ts'
import { type Anvil, startAnvil } from '../src/processes/anvil.ts'
import { type Postgres, startPostgres } from '../src/processes/postgres.ts'
import { freePorts } from './ports.ts'

export const DEPLOYER = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
export const FEE = 10n ** 15n

/** A chain with contracts, an operator's account and a database: what agents with an enclave and without one need. */
export type ChainWorld = Awaited<ReturnType<typeof createChainWorld>>

/** Starts it for one test file. `close` ends everything and removes its folder. */
export async function createChainWorld() {
  const dir = mkdtempSync(join(tmpdir(), 'nacre-agent-'))
  const operatorKey = generatePrivateKey()
  const operator = privateKeyToAccount(operatorKey)
  const free = await freePorts(2)
  const [anvil, server] = await Promise.all([
    startAnvil({ dir: join(dir, 'chain'), port: free }),
    startPostgres({ dir: join(dir, 'postgres'), port: free + 1 }),
  ])
  const processes: { anvil: Anvil; server: Postgres } = { anvil, server }
  const { rpcUrl, wsUrl, port } = anvil
  const database = new pg.Pool({ connectionString: server.databaseUrl, options: '-c search_path=operator' })
  database.on('error', () => {})
  const chain = createTestClient({
    mode: 'anvil',
    chain: anvilChain,
    transport: http(rpcUrl),
    pollingInterval: 20,
    cacheTime: 0,
  }).extend(publicActions)
  const client = chain as unknown as PublicClient
  const walletOf = (key: Hex): Wallet =>
    createWalletClient({ account: privateKeyToAccount(key), chain: anvilChain, transport: http(rpcUrl) })
  const root = (await loadRoot(join(dir, 'state'))).certificate
  const deployment = await deploy({ client, wallet: walletOf(DEPLOYER), root })

  /** Bonds a slot, and declares what the operator runs. */
  async function stake(release: Hex, assurance: number): Promise<void> {
    writeFileSync(join(dir, 'operator.key'), operatorKey, { mode: 0o600 })
    await chain.setBalance({ address: operator.address, value: 10n ** 21n })
    const operators = { address: deployment.operators, abi: operatorsAbi } as const
    const value = 10n ** 18n
    await mined(await walletOf(operatorKey).writeContract({ ...operators, functionName: 'bond', value }))
    const declare = { ...operators, functionName: 'declare', args: [release, assurance] } as const
    await mined(await walletOf(operatorKey).writeContract(declare))
  }

  /** Announced, and an epoch (one second) later. */
  async function announce(offered: Hex): Promise<void> {
    const operators = { address: deployment.operators, abi: operatorsAbi } as const
    const args = [offered, zeroAddress, FEE / 2n, 1] as const
    await mined(await walletOf(operatorKey).writeContract({ ...operators, functionName: 'announce', args }))
    await chain.increaseTime({ seconds: 2 })
    await chain.mine({ blocks: 1 })
  }

  async function mined(hash: Hex): Promise<void> {
    const receipt = await chain.waitForTransactionReceipt({ hash })
    if (receipt.status !== 'success') throw new Error(`${hash} reverted`)
  }

  const fulfilments = (id: Hex) =>
    chain.getContractEvents({
      address: deployment.relay,
      abi: relayAbi,
      eventName: 'Fulfilled',
      args: { id },
      fromBlock: 0n,
      strict: true,
    })

  const rows = async (sql: string, values: unknown[]) => (await database.query(sql, values)).rows

  return {
    dir,
    processes,
    operator,
    operatorKey,
    chain,
    client,
    walletOf,
    database,
    deployment,
    root,
    stake,
    announce,
    mined,
    fulfilments,
    rpcPort: port,
    untilFulfilled: (id: Hex) => eventually(async () => (await fulfilments(id))[0]?.args),
    untilState: (id: Hex, state: string) =>
      eventually(
        async () => (await rows('select * from requests where id = $1 and state = $2', [id, state]))[0],
      ),
    /** The agent's configuration, as its file has it, but for what it serves. */
    config: {
      rpcUrl,
      wsUrl,
      databaseUrl: server.databaseUrl,
      schema: 'operator',
      stateDir: join(dir, 'state'),
      privateKeyFile: join(dir, 'operator.key'),
      deployment,
      http: { host: '127.0.0.1', port: 0 },
      logLevel: 'debug',
    },
    close: async () => {
      await database.end()
      await Promise.all([processes.anvil.stop(), processes.server.stop()])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Looks until there is something; what the caller's test timeout does not catch ends here with a stack. */
export async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 90_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`never happened: ${look}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
