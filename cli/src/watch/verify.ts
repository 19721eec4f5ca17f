import { fetchBundle, readChainFacts } from '@nacre/sdk'
import { readZkAnswer, verifyZkAnswer } from '@nacre/sdk/zk/answer'
import { readZkKey } from '@nacre/sdk/zk/keys'
import { type Check, type Hex, type Policy, type ReceiptBundle, verifyReceipt } from '@nacre/verify'
import { nodeCrypto } from '../nodeCrypto.ts'
import type { Hop } from './hops.ts'
import type { Source } from './source.ts'
import type { View } from './views.ts'

type Fulfilled = Extract<Hop, { hop: 'fulfilled' }>

/** The proof of a `zk` request, checked here by the key that the chain has; undefined when another contract sent it. */
export async function verifyProof(
  { client, deployment }: Source,
  id: Hex,
  { artifact }: { artifact: Hex },
  { transaction: transactionHash, receiptId }: Fulfilled,
): Promise<Check[] | undefined> {
  const { relay, zkVerifiers, enclaveRegistry: registry } = deployment
  const answer = await readZkAnswer({ client, relay, id, transactionHash }).catch(() => undefined)
  const keyFile = await readZkKey({ client, zkVerifiers, artifact })
  if (!answer || !keyFile) return undefined
  const domain = { chainId: BigInt(deployment.chainId), registry }
  return verifyZkAnswer(answer, { keyFile, domain, requestId: id, receiptId }).checks
}

/** The receipt of a fulfilled request, checked here; undefined when no known operator has it, or no policy is named. */
export async function verifyAnswer(
  source: Source,
  id: Hex,
  { artifact, consumer }: { artifact: Hex; consumer: Hex },
  end: Fulfilled,
  views: readonly View[],
): Promise<Check[] | undefined> {
  const { policy } = source
  if (policy === undefined) return undefined
  const holders = views.filter(view => view.hasBundle).map(view => view.operator)
  holders.sort((one, other) => Number(isOf(other.account, end)) - Number(isOf(one.account, end)))
  for (const { url } of holders) {
    const bundle = await fetchBundle({ url, id }).catch(() => undefined)
    if (bundle) return checksOf(source, policy, bundle, end, { requestId: id, artifact, consumer })
  }
  return undefined
}

async function checksOf(
  { client, deployment }: Source,
  policy: Policy,
  bundle: ReceiptBundle,
  end: Fulfilled,
  expect: { requestId: Hex; artifact: Hex; consumer: Hex },
): Promise<Check[]> {
  const { relay, enclaveRegistry, releases, chainId } = deployment
  const chain = await readChainFacts({ client, bundle, releases })
  const { checks, receiptId } = verifyReceipt(bundle, policy, {
    time: BigInt(Math.floor(Date.now() / 1000)),
    expect: { ...expect, relay, chainId: BigInt(chainId), registry: enclaveRegistry },
    chain,
    crypto: nodeCrypto,
  })
  // Two operators may have answered; the one that the chain took counts.
  const ok = receiptId === end.receiptId
  const detail = ok
    ? 'the receipt that the chain took'
    : `the chain took ${end.receiptId}, this is ${receiptId}`
  return [...checks, { name: 'chain-receipt', ok, detail }]
}

function isOf(account: Hex | undefined, { operator }: Fulfilled): boolean {
  return account === operator.toLowerCase()
}
