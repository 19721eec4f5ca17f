import * as contracts from '@nacre/contracts'
import { type Hex, sha256, toHex, utf8 } from '@nacre/verify'
import {
  type Abi,
  type ContractConstructorArgs,
  getContractAddress,
  type PublicClient,
  zeroAddress,
} from 'viem'
import { type Deployment, genesisHashOf } from './deployment.ts'
import { sdkError } from './errors.ts'
import type { RelayParams, Wallet } from './relay.ts'
import { explainRevert } from './revert.ts'

/** Lengths in bytes, times in seconds, amounts in wei. Fixed for ever at deployment. */
export type NetworkParameters = {
  timelockDelay: bigint
  keyLifetime: number
  slotStake: bigint
  epoch: bigint
  unbonding: bigint
  minFee: bigint
  minCallbackGas: number
  maxCallbackGas: number
  minDeadline: number
  maxDeadline: number
  maxInput: number
  maxOutput: number
  window: number
  minEvidenceAge: number
  penalty: bigint
  compensationCap: bigint
}

/**
 * For development chains only: the timelock has NO delay and anyone may execute, an epoch is one second, so that stake
 * serves at once, and after three seconds another operator may answer.
 */
export const DEVELOPMENT_PARAMETERS: NetworkParameters = {
  timelockDelay: 0n,
  keyLifetime: 86_400,
  slotStake: 10n ** 18n,
  epoch: 1n,
  unbonding: 7_200n,
  minFee: 10n ** 12n,
  minCallbackGas: 50_000,
  maxCallbackGas: 2_000_000,
  minDeadline: 10,
  maxDeadline: 3_600,
  maxInput: 65_536,
  maxOutput: 65_536,
  window: 3,
  minEvidenceAge: 57_600,
  penalty: 10n ** 16n,
  compensationCap: 5n * 10n ** 15n,
}

export type DeployOptions = {
  client: PublicClient
  /** Pays for the deployment, and is the timelock's proposer. */
  wallet: Wallet
  /** DER of the simulated security module's root certificate. */
  root: Uint8Array
  parameters?: NetworkParameters
}

/**
 * Deploys every contract of a development network with the SIMULATED verifier. Operators and Relay name each other
 * for ever, so the relay's address is predicted from the deployer's nonce and checked by its constructor.
 * @throws NacreError deploy-failed
 */
export async function deploy(options: DeployOptions): Promise<Deployment> {
  const { client, wallet, root, parameters = DEVELOPMENT_PARAMETERS } = options
  const { timelockDelay, keyLifetime, slotStake, epoch, unbonding, ...limits } = parameters
  const account = wallet.account.address
  const [genesisHash, chainId, block] = await Promise.all([
    genesisHashOf(client),
    client.getChainId(),
    client.getBlockNumber(),
  ])

  const create = <const A extends Abi>(
    name: string,
    abi: A,
    bytecode: Hex,
    args: ContractConstructorArgs<A>,
  ) => createContract({ client, wallet, name, abi, bytecode, args: args as readonly unknown[] })
  const releases = await create('Releases', contracts.releasesAbi, contracts.releasesBytecode, [])
  const timelock = await create(
    'TimelockController',
    contracts.timelockControllerAbi,
    contracts.timelockControllerBytecode,
    [timelockDelay, [account], [zeroAddress], zeroAddress],
  )
  const verifier = contracts.simulatedVerifierAbi
  const rootId = sha256(root)
  const simulatedVerifier = await create('SimulatedVerifier', verifier, contracts.simulatedVerifierBytecode, [
    rootId,
  ])
  const enclaveRegistry = await create(
    'EnclaveRegistry',
    contracts.enclaveRegistryAbi,
    contracts.enclaveRegistryBytecode,
    [releases, timelock, keyLifetime, [simulatedVerifier]],
  )
  const zkVerifiers = await create('ZkVerifiers', contracts.zkVerifiersAbi, contracts.zkVerifiersBytecode, [])
  const nonce = BigInt(await client.getTransactionCount({ address: account }))
  const predicted = getContractAddress({ from: account, nonce: nonce + 1n })
  const operators = await create('Operators', contracts.operatorsAbi, contracts.operatorsBytecode, [
    predicted,
    slotStake,
    epoch,
    unbonding,
  ])
  const relay = await create('Relay', contracts.relayAbi, contracts.relayBytecode, [
    { ...limits, registry: enclaveRegistry, releases, operators, zkVerifiers, insurance: timelock },
  ])
  if (relay !== predicted.toLowerCase())
    throw sdkError(
      'deploy-failed',
      `The relay is at ${relay}, not at ${predicted}: another transaction came between.`,
    )
  const balances = await create('Balances', contracts.balancesAbi, contracts.balancesBytecode, [
    enclaveRegistry,
  ])
  const token = await create('DevToken', contracts.devTokenAbi, contracts.devTokenBytecode, [])
  const cached = await wallet
    .writeContract({
      address: simulatedVerifier,
      abi: verifier,
      functionName: 'cacheCertificate',
      args: [toHex(root), rootId, '0x'],
    })
    .catch(fail)
  await mined(client, cached, 'SimulatedVerifier.cacheCertificate')

  const addresses = {
    releases,
    timelock,
    simulatedVerifier,
    enclaveRegistry,
    operators,
    zkVerifiers,
    relay,
    balances,
    token,
  }
  const code = contractsCode()
  return { version: 1, chainId, genesisHash, block: Number(block), code, ...addresses, consumers: {} }
}

/** Hash of the contracts that this release deploys, to tell a deployment of another release. */
export function contractsCode(): Hex {
  const { releasesBytecode, simulatedVerifierBytecode, enclaveRegistryBytecode } = contracts
  const { operatorsBytecode, zkVerifiersBytecode, relayBytecode, balancesBytecode } = contracts
  const codes = [releasesBytecode, simulatedVerifierBytecode, enclaveRegistryBytecode, operatorsBytecode]
  return sha256(utf8([...codes, zkVerifiersBytecode, relayBytecode, balancesBytecode].join()))
}

/** Deploys an example consumer; `params.deadline` is a time from each question, seconds. */
export async function deployConsumer(options: {
  client: PublicClient
  wallet: Wallet
  relay: Hex
  kind: 'IrisOracle' | 'DigitReader'
  params: RelayParams
}): Promise<Hex> {
  const { client, wallet, relay, kind, params } = options
  const abi: Abi = kind === 'IrisOracle' ? contracts.irisOracleAbi : contracts.digitReaderAbi
  const bytecode = kind === 'IrisOracle' ? contracts.irisOracleBytecode : contracts.digitReaderBytecode
  const args = [relay, wallet.account.address, params]
  return createContract({ client, wallet, name: kind, abi, bytecode, args })
}

async function createContract(options: {
  client: PublicClient
  wallet: Wallet
  name: string
  abi: Abi
  bytecode: Hex
  args: readonly unknown[]
}): Promise<Hex> {
  const { client, wallet, name, abi, bytecode, args } = options
  const hash = await wallet.deployContract({ abi, bytecode, args }).catch(fail)
  const { contractAddress } = await mined(client, hash, name)
  if (!contractAddress) throw sdkError('deploy-failed', `${name} was not created by ${hash}.`)
  return contractAddress.toLowerCase() as Hex
}

async function mined(client: PublicClient, hash: Hex, name: string) {
  const receipt = await client.waitForTransactionReceipt({ hash, pollingInterval: 10 })
  if (receipt.status !== 'success') throw sdkError('deploy-failed', `${name}: transaction ${hash} reverted.`)
  return receipt
}

function fail(error: unknown): never {
  throw explainRevert(error)
}
