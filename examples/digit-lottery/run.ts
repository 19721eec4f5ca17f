/** A digit is drawn by reading a picture: npx node examples/digit-lottery/run.ts [--state DIR] */
import { digitReaderAbi } from '@nacre/contracts'
import { deployConsumer } from '@nacre/sdk'
import { toHex } from '@nacre/verify'
import { drawDigit, sampleOf } from '../../models/samples.ts'
import { ask, collect, runExample, termsFor } from '../example.ts'

const PLAYERS = { Ada: 3, Grace: 7, Alan: 1 }
/** Pictures of models/digits.samples.json. */
const PICTURES = 100n

await runExample(async example => {
  const { network, alice, say } = example
  const { client, deployment } = network
  const params = termsFor(example, 'lenet5')
  const consumer = await deployConsumer({
    client,
    wallet: alice,
    relay: deployment.relay,
    kind: 'DigitReader',
    params,
  })
  for (const [name, digit] of Object.entries(PLAYERS)) say(`${name} bets on ${digit}`)

  // The bets are in; a block's hash says which picture is read.
  const { hash } = await client.getBlock()
  const sample = sampleOf('lenet5', Number(BigInt(hash!) % PICTURES))
  const pixels = sample.input.data as Uint8Array
  say(`DigitReader at ${consumer} asks about the picture that block ${hash} drew`)
  say(drawDigit(pixels))
  const call = { wallet: alice, consumer, abi: digitReaderAbi, functionName: 'ask', args: [toHex(pixels)] }
  await collect(example, await ask(example, call))

  const [, , digit] = await client.readContract({
    address: consumer,
    abi: digitReaderAbi,
    functionName: 'last',
  })
  const winners = Object.entries(PLAYERS).filter(([, bet]) => bet === digit)
  say(`the contract read a ${digit}: ${winners.map(([name]) => `${name} wins`).join(', ') || 'nobody wins'}`)
})
