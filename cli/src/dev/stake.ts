import { operatorsAbi } from '@nacre/contracts'
import { DEVELOPMENT_PARAMETERS, type Deployment } from '@nacre/sdk'
import { type Hex, ZERO_ADDRESS } from '@nacre/verify'
import type { LocalAccount, PublicClient } from 'viem'
import { chainWallet } from './clients.ts'
import { send } from './send.ts'
import { MAX_OPERATORS, MIN_DEADLINE, operatorAccount, PRICE } from './settings.ts'

export type StakeOptions = {
  client: PublicClient
  rpcUrl: string
  deployment: Deployment
  /** What operators declare. */
  profile: { releaseId: Hex; assurance: number }
  artifacts: readonly Hex[]
}

/** Stakes this many operators, and takes back what an earlier run offered beyond them, or of models that are gone. */
export async function stakeOperators(options: StakeOptions, count: number, isNew: boolean): Promise<void> {
  const known = isNew ? count : MAX_OPERATORS
  const accounts = Array.from({ length: known }, (_, index) => operatorAccount(index + 1))
  const gone = isNew ? [] : await removedArtifacts(options)
  await Promise.all(
    accounts.map(async (account, index) => {
      await retractOffers(options, account, index < count ? gone : [...options.artifacts, ...gone])
      if (index < count) await stakeOperator(options, account)
    }),
  )
}

/** Stakes one more operator, which offers these artifacts and from now on no others. */
export async function serveOffers(options: StakeOptions, account: LocalAccount): Promise<void> {
  await retractOffers(options, account, await removedArtifacts(options))
  await stakeOperator(options, account)
}

/** What was announced and is not in the catalog any more: nobody here could answer for it. */
async function removedArtifacts({ client, deployment, artifacts }: StakeOptions): Promise<Hex[]> {
  const operators = { address: deployment.operators, abi: operatorsAbi, strict: true } as const
  const fromBlock = BigInt(deployment.block)
  const events = await client.getContractEvents({ ...operators, eventName: 'Announced', fromBlock })
  const announced = new Set(events.map(event => event.args.artifact))
  return [...announced].filter(artifact => !artifacts.includes(artifact))
}

/** Stakes one slot, says what it runs and announces every artifact, each once. */
async function stakeOperator(options: StakeOptions, account: LocalAccount): Promise<void> {
  const { client, rpcUrl, deployment, profile, artifacts } = options
  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  const wallet = chainWallet(rpcUrl, account)
  const args = [account.address] as const
  if ((await client.readContract({ ...operators, functionName: 'slotsOf', args })) === 0n)
    await send(client, wallet, {
      ...operators,
      functionName: 'bond',
      value: DEVELOPMENT_PARAMETERS.slotStake,
    })
  const next = (await epochNow(client, deployment)) + 1n
  const declared = await client.readContract({
    ...operators,
    functionName: 'profileAt',
    args: [account.address, next],
  })
  if (declared.releaseId !== profile.releaseId)
    await send(client, wallet, {
      ...operators,
      functionName: 'declare',
      args: [profile.releaseId, profile.assurance],
    })
  for (const artifact of artifacts) {
    if (await isOffered(options, account, artifact)) continue
    const offer = [artifact, ZERO_ADDRESS, PRICE, MIN_DEADLINE] as const
    await send(client, wallet, { ...operators, functionName: 'announce', args: offer })
  }
}

/** Whoever does not run a model must not be assigned: each of its requests would wait for its window. The stake stays. */
async function retractOffers(
  options: StakeOptions,
  account: LocalAccount,
  artifacts: readonly Hex[],
): Promise<void> {
  const { client, rpcUrl, deployment } = options
  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  const wallet = chainWallet(rpcUrl, account)
  for (const artifact of artifacts) {
    if (!(await isOffered(options, account, artifact))) continue
    await send(client, wallet, { ...operators, functionName: 'retract', args: [artifact, ZERO_ADDRESS] })
  }
}

async function isOffered(
  { client, deployment }: StakeOptions,
  account: LocalAccount,
  artifact: Hex,
): Promise<boolean> {
  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  const args = [account.address, artifact, ZERO_ADDRESS] as const
  return (await client.readContract({ ...operators, functionName: 'offerOf', args })).active
}

/** Stake and offers serve from the epoch after they were made: waits for it, at most two seconds, and mines a block. */
export async function waitUntilServing(client: PublicClient, deployment: Deployment): Promise<void> {
  const bonded = await epochNow(client, deployment)
  do {
    await new Promise(resolve => setTimeout(resolve, 1000 - (Date.now() % 1000)))
    await client.request({ method: 'evm_mine' as never })
  } while ((await epochNow(client, deployment)) <= bonded)
}

async function epochNow(client: PublicClient, deployment: Deployment): Promise<bigint> {
  const { timestamp } = await client.getBlock()
  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  return client.readContract({ ...operators, functionName: 'epochAt', args: [timestamp] })
}
