import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { verifierEnclaveAbi } from '@nacre/contracts'
import { deploy } from '@nacre/sdk'
import {
  type EnclaveConfig,
  type EvidencePolicy,
  encodePolicyArtifact,
  fromHex,
  type Hex,
  type Manifest,
  sha256,
  toHex,
  toJson,
  userData,
  ZERO_ADDRESS,
  ZERO_HASH,
} from '@nacre/verify'
import { type Abi, createWalletClient, http } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { buildImage } from '../../enclave/scripts/build.ts'
import { IMAGES } from '../../enclave/scripts/images.ts'
import { authority, createNitroAuthority } from '../../test/mock-authority/index.ts'
import { CASE_POLICIES } from '../../vectors/statements/generate.ts'
import { createNodes } from '../src/chain/nodes.ts'
import { connect } from '../src/database/connect.ts'
import { temporaryPostgres } from '../src/database/testing.ts'
import type { Driver } from '../src/drivers/driver.ts'
import { loadImage } from '../src/drivers/image.ts'
import { simulatedDriver } from '../src/drivers/simulated.ts'
import { createRoot } from '../src/nsm/root.ts'
import { assemble } from '../src/operator/bundle.ts'
import { claimKey } from '../src/operator/claims.ts'
import type { Launched } from '../src/operator/enclaves.ts'
import { launchEnclave } from '../src/operator/launch.ts'
import { register } from '../src/operator/register.ts'
import { createTransactions, type Transactions } from '../src/operator/transactions.ts'
import { startAnvil } from '../src/processes/anvil.ts'
import { DEPLOYER } from './operatorWorld.ts'
import { deployVouching, type Registry, type VouchedTee } from './vouchingContracts.ts'

const LIMITS = { maxInput: 1_048_576, maxOutput: 65_536 }
const migrations = join(import.meta.dirname, '../src/operator/migrations')

/** An account with its stored transactions, as an agent has them. */
export type OperatorAccount = { operator: Hex; transactions: Transactions }

/** Answers clients at an address, and at the same one again after it was away. */
type Site = { url: string; leave(): Promise<void>; return(): Promise<void> }

/** An operator whose enclave is registered and claimed, and judges for whoever asks. */
export type Vouching = OperatorAccount & Site & { enclave: Launched }

export type VerifierNetwork = Awaited<ReturnType<typeof createVerifierNetwork>>

export type NetworkOptions = {
  /** Digests that the release of the enclaves that vouch lists beside AWS's. */
  measured?: Partial<Record<VouchedTee, readonly Hex[]>>
  /** By which they judge; default: those of the vectors. */
  policies?: Record<VouchedTee, EvidencePolicy>
  /** A chain with a registry; default: another one. */
  on?: { rpcUrl: string; registry: Registry }
}

/**
 * A chain on which enclaves vouch for evidence of TDX and SEV-SNP, and two operators whose enclaves do. Every contract
 * and every enclave is the real one, by the agent's own code; AWS, Intel and AMD are mock authorities.
 */
export async function createVerifierNetwork(options: NetworkOptions = {}) {
  const { measured = {}, policies = CASE_POLICIES } = options
  const dir = await mkdtemp(join(tmpdir(), 'nacre-verifiers-'))
  const closers: (() => unknown)[] = [() => rm(dir, { recursive: true, force: true })]
  const { rpcUrl, registry: base } = options.on ?? (await startChain(closers))
  const server = await temporaryPostgres()
  closers.push(server.stop)
  const aws = createNitroAuthority('nacre verifier network')
  const nodes = createNodes({ rpcUrl })
  const image = await loadImage((await buildImage(join(dir, 'image'), IMAGES.attestation)).dir)
  const { manifest } = image
  const { root, lists } = { root: aws.pin, lists: { tdx: [], snp: [], ...measured } }
  const deployed = await deployVouching({ rpcUrl, registry: base, root, manifest, measured: lists, policies })
  const { client: chain, verifiers, release, deployRegistry, send } = deployed
  const registry = base.enclaveRegistry

  async function createAccount(): Promise<OperatorAccount> {
    const account = privateKeyToAccount(generatePrivateKey())
    await chain.setBalance({ address: account.address, value: 10n ** 20n })
    const schema = `of_${account.address.slice(2, 10).toLowerCase()}`
    const database = await connect({ databaseUrl: server.databaseUrl, schema, migrations })
    const transactions = createTransactions({ nodes, account, chainId: 31_337, database })
    const checking = setInterval(() => void transactions.check().catch(() => {}), 50)
    closers.push(database.close, () => clearInterval(checking))
    return { operator: account.address.toLowerCase() as Hex, transactions }
  }

  async function launch(operator: Hex, driver: Driver = simulatedDriver): Promise<Launched> {
    const bound = { chainId: 31_337n, registry, operator, releaseId: release }
    const config: EnclaveConfig = { version: 1, ...bound, ...LIMITS }
    const artifacts = Object.values({ tdx: policies.tdx, snp: policies.snp })
      .map(encodePolicyArtifact)
      .map(bytes => ({ artifact: sha256(bytes), bytes, file: '' }))
    const options = { driver, image, root: createRoot(), config, artifacts, onLog: () => {} }
    const enclave = await launchEnclave(options)
    closers.push(enclave.terminate)
    return enclave
  }

  /** What it is registered with is a document of the mock's over its identity. */
  async function createVouching(): Promise<Vouching> {
    const account = await createAccount()
    const { operator, transactions } = account
    const enclave = await launch(operator)
    const { identity, config } = enclave
    const attest = async (nonce: Hex) => {
      const { timestamp: time } = await chain.getBlock()
      const bound = { userData: fromHex(userData(identity)), nonce: fromHex(nonce) }
      return { kind: 'nitro' as const, bytes: toHex(aws.issue({ time, ...bound })) }
    }
    const shared = { client: nodes.client, transactions, identity }
    await register({ ...shared, contracts: { enclaveRegistry: registry }, config, attest })
    await claimKey({ ...shared, claims: Object.values(verifiers), operator })
    for (const verifier of Object.values(verifiers)) await accept(verifier, operator)
    const site = await serve(enclave, manifest)
    closers.push(site.leave)
    return { ...account, ...site, enclave }
  }

  const accept = (verifier: Hex, operator: Hex, accepted = true) =>
    send(verifier, verifierEnclaveAbi as Abi, accepted ? 'acceptOperator' : 'removeOperator', [operator])

  const vouching = [await createVouching(), await createVouching()] as const
  const contracts = { registry, verifiers, release, deployRegistry }
  const close = async () => {
    for (const closer of closers.reverse()) await closer()
  }
  return { dir, client: nodes.client, ...contracts, vouching, createAccount, launch, accept, close }
}

async function startChain(closers: (() => unknown)[]): Promise<{ rpcUrl: string; registry: Registry }> {
  const { rpcUrl, stop } = await startAnvil()
  closers.push(stop)
  const account = privateKeyToAccount(DEPLOYER)
  const wallet = createWalletClient({ account, chain: anvilChain, transport: http(rpcUrl) })
  const client = createNodes({ rpcUrl }).client
  return { rpcUrl, registry: await deploy({ client, wallet, root: authority.root }) }
}

/** What an agent does with a client's question, without its chain and database. */
async function serve(enclave: Launched, manifest: Manifest): Promise<Site> {
  let server: Server
  const open = async (port: number): Promise<void> => {
    server = createServer(async (request, response) => {
      const body = JSON.stringify(await answer(enclave, manifest, (await json(request)) as Question))
      response.setHeader('content-type', 'application/json')
      response.end(body)
    })
    await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  }
  await open(0)
  const { port } = server!.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    leave: async () => {
      server.close()
      server.closeAllConnections()
    },
    return: () => open(port),
  }
}

type Question = Record<'nonce' | 'artifact' | 'input', Hex>

async function answer(
  enclave: Launched,
  manifest: Manifest,
  { nonce, ...asked }: Question,
): Promise<unknown> {
  const { identity, config } = enclave
  const usage = { units: 1n, price: 0n, errorPrice: 0n, token: ZERO_ADDRESS }
  const anchor = { number: 0n, hash: ZERO_HASH }
  const origin = { type: 'client', nonce } as const
  const job = { origin, ...asked, anchor, maxOutput: LIMITS.maxOutput, usage, nonce }
  const answered = await enclave.infer(job)
  const evidence = await enclave.attest(nonce)
  const release = { publisher: config.operator, manifest }
  return toJson(assemble({ identity, config, evidence, evidenceNonce: nonce, release }, job, answered))
}
