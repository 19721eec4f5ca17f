/** An escrow is released by a picture of an invoice: npx node examples/invoice-escrow/run.ts [--state DIR] */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { invoiceEscrowAbi, invoiceEscrowBytecode } from '@nacre/contracts'
import type { Hex } from '@nacre/verify'
import { formatEther, hexToString, parseEther, parseEventLogs, stringToHex } from 'viem'
import { CliError } from '../../cli/src/errors.ts'
import { ask, collect, type Example, runExample, termsFor } from '../example.ts'
import { ARTIFACT } from './artifact.ts'
import { drawPage, type Look, PLAIN } from './pictures/draw.ts'
import { type Invoice, makeInvoice, rowsOf } from './pictures/invoice.ts'
import { createRandom } from './pictures/random.ts'
import { type PictureServer, servePictures } from './serve.ts'

const LOCKED = parseEther('2')
const MIN_CONFIDENCE = 750
const DAY = 86_400n

await runExample(async example => {
  checkServed(example)
  const { network, bob: seller, say } = example
  const invoice = makeInvoice(createRandom(1))
  const escrow = await deploy(example, invoice)
  say(`the buyer locks ${formatEther(LOCKED)} ETH in ${escrow} for an invoice of ${priceOf(invoice)}`)

  const server = await servePictures()
  try {
    const cheaper = { ...invoice, items: [], tax: 0, total: invoice.total - 1 }
    await show(example, server, escrow, { name: 'one cent less', invoice: cheaper, look: PLAIN })
    await show(example, server, escrow, {
      name: 'too faint',
      invoice,
      look: { ...PLAIN, ink: 225, noise: 14 },
    })
    await show(example, server, escrow, {
      name: 'as agreed',
      invoice,
      look: { ...PLAIN, noise: 6, tilt: 0.7 },
    })
  } finally {
    await server.close()
  }

  const address = { address: escrow, abi: invoiceEscrowAbi } as const
  const owner = await network.client.readContract({ ...address, functionName: 'owner' })
  if (owner !== seller.account.address) throw new Error(`the money is not the seller’s but of ${owner}`)
  const hash = await seller.writeContract({ ...address, functionName: 'withdraw', args: [owner] })
  await network.client.waitForTransactionReceipt({ hash })
  const left = await network.client.getBalance({ address: escrow })
  say(`the seller takes ${formatEther(LOCKED - left)} ETH out of the escrow`)
})

function checkServed({ network }: Example): void {
  if (network.catalog.some(({ artifact }) => artifact === ARTIFACT)) return
  throw new CliError('unknown-model', {
    what: 'this network does not serve the artifact of this example',
    why: `it is built from a package, ${ARTIFACT}, and not in the repository`,
    fix: 'npx node examples/invoice-escrow/artifact.ts invoice-total.pipeline, nacre model add invoice-total.pipeline, and start nacre dev again',
  })
}

/** The buyer deploys the deal, and with it locks the money. */
async function deploy(example: Example, { currency, total }: Invoice): Promise<Hex> {
  const { network, alice: buyer, bob: seller } = example
  const { timestamp } = await network.client.getBlock()
  const terms = {
    seller: seller.account.address,
    currency: currency.numeric,
    price: BigInt(total),
    minConfidence: MIN_CONFIDENCE,
    deadline: timestamp + DAY,
  }
  const hash = await buyer.deployContract({
    abi: invoiceEscrowAbi,
    bytecode: invoiceEscrowBytecode,
    args: [network.deployment.relay, terms, termsFor(example, ARTIFACT)],
    value: LOCKED,
  })
  const { contractAddress } = await network.client.waitForTransactionReceipt({ hash })
  return contractAddress!
}

/** The seller shows a picture by its hash; the operator fetches it, the enclave reads it, the contract is told. */
async function show(
  example: Example,
  server: PictureServer,
  escrow: Hex,
  { name, invoice, look }: { name: string; invoice: Invoice; look: Look },
): Promise<void> {
  const { network, bob: seller, say } = example
  const picture = drawPage(rowsOf(invoice), look, createRandom(1))
  mkdirSync(network.paths.pictures, { recursive: true })
  const file = join(network.paths.pictures, `${name.replaceAll(' ', '-')}.png`)
  writeFileSync(file, picture)
  const { hash, url } = server.add(picture)
  say(`the seller shows an invoice of ${priceOf(invoice)}, ${name}: ${file}`)
  const args = [hash, stringToHex(url)]
  const call = { wallet: seller, consumer: escrow, abi: invoiceEscrowAbi, functionName: 'show', args }
  const { transactionHash } = await collect(example, await ask(example, call, 'fee'))
  const { logs } = await network.client.getTransactionReceipt({ hash: transactionHash })
  for (const { eventName, args } of parseEventLogs({ abi: invoiceEscrowAbi, logs })) {
    if (eventName === 'Refused') say(`  refused: ${hexToString(args.reason)}`)
    if (eventName === 'Read')
      say(
        `  read: ${args.amount} of currency ${args.currency}, confidence ${args.confidence} of 1000: ` +
          `${args.covers ? 'covers' : 'does not cover'} the price`,
      )
    if (eventName === 'Released') say('  released')
  }
}

function priceOf({ total, currency }: Invoice): string {
  return `${(total / 100).toFixed(2)} ${currency.code}`
}
