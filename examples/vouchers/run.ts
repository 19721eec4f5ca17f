/** Alice pays an operator for 64 answers, and one transaction settles them: npx node examples/vouchers/run.ts [--state DIR] */
import { readFileSync } from 'node:fs'
import { balancesAbi } from '@nacre/contracts'
import {
  type Answer,
  createClient,
  createPayer,
  fetchSettlement,
  type ProvenSettlement,
  reserve,
  signWithKey,
} from '@nacre/sdk'
import { fromHex, type Hex, parsePolicy, receiptId } from '@nacre/verify'
import { formatEther, zeroAddress } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { findModel } from '../../cli/src/catalog.ts'
import { PRICE } from '../../cli/src/dev/settings.ts'
import { nodeCrypto } from '../../cli/src/nodeCrypto.ts'
import { sampleOf } from '../../models/samples.ts'
import { runExample } from '../example.ts'

const ANSWERS = 64
const DAY_S = 86_400
const PATIENCE_MS = 60_000

await runExample(async ({ network, alice, say }) => {
  const { client, deployment, releaseId } = network
  const { balances } = deployment
  const [operator, url] = Object.entries(network.operators)[0] as [Hex, string]
  // The key of the vouchers needs no coin: what it can spend is what was reserved, at this operator.
  const key = generatePrivateKey()
  const terms = {
    payer: alice.account.address.toLowerCase() as Hex,
    signer: privateKeyToAddress(key).toLowerCase() as Hex,
    operator,
    token: zeroAddress,
    releaseId,
    assurance: 1,
    salt: BigInt(Date.now()),
  }
  const amount = PRICE * BigInt(ANSWERS)
  const { timestamp } = await client.getBlock()
  const expiresAt = timestamp + BigInt(DAY_S)
  const { id } = await reserve({ client, wallet: alice, balances, terms, amount, expiresAt })
  say(`Alice reserves ${formatEther(amount)} ETH for ${operator}, for a day`)

  const domain = { chainId: BigInt(deployment.chainId), balances }
  const payer = createPayer({ domain, terms, maxPrice: PRICE, sign: signWithKey(domain, fromHex(key)) })
  const policy = parsePolicy(JSON.parse(readFileSync(network.paths.policy, 'utf8')))
  const asking = createClient({ url, policy, payer, crypto: nodeCrypto })
  const { artifact } = findModel(network.catalog, 'iris-mlp')
  const answers: Answer[] = []
  for (let i = 0; i < ANSWERS; i++) {
    const { input } = sampleOf('iris-mlp', i)
    answers.push(await asking.infer({ artifact, input }))
  }
  say(`  ${ANSWERS} answers, each receipt verified, each for ${formatEther(PRICE)} ETH at most`)

  const { bundle } = answers[0]!
  const proven = await untilSettled(() =>
    fetchSettlement({ url }, { client, balances, receiptId: receiptId(bundle, bundle.receipt) }),
  )
  const [settled] = await client.getContractEvents({
    address: balances,
    abi: balancesAbi,
    eventName: 'Settled',
    args: { id },
    fromBlock: 0n,
    strict: true,
  })
  const { gasUsed } = await client.getTransactionReceipt({ hash: settled!.transactionHash })
  say(`the chain settled ${settled!.args.count} receipts under ${proven.root}`)
  say(`  ${gasUsed / BigInt(settled!.args.count)} gas a receipt, ${formatEther(settled!.args.paid)} ETH paid`)
  say(`  the first receipt is proven by ${proven.proof.length} hashes`)
})

/** A full batch is settled within seconds. */
async function untilSettled(look: () => Promise<ProvenSettlement | undefined>): Promise<ProvenSettlement> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(500)) {
    const found = await look()
    if (found?.settled) return found
  }
  throw new Error(`nothing was settled in ${PATIENCE_MS / 1000} s: see the operator's log`)
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}
