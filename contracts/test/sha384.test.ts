import { createHash } from 'node:crypto'
import { sha384Abi, sha384Bytecode } from '@nacre/contracts'
import { type Anvil, startAnvil } from '@nacre/host'
import { sha384Midstate } from '@nacre/sdk/attest/midstate'
import { type Hex, toHex } from '@nacre/verify'
import { createWalletClient, http, publicActions } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { laneCarries } from './laneCarries.ts'

/** Sha384.sol as it is deployed, against Node's SHA-384. */
const LONG = process.env.NACRE_LONG === '1'
const RANDOM_LENGTHS = LONG ? 3_000 : 60
const MAX_RANDOM_LENGTH = 8_192
const MAX_MESSAGE = 32_768
/** Calls under way at a time; those of one moment travel in one HTTP request. */
const BATCH = 64

let chain: Anvil
let client: ReturnType<typeof clientOf>
let contract: Hex

beforeAll(async () => {
  chain = await startAnvil()
  client = clientOf(chain)
  const hash = await client.deployContract({ abi: sha384Abi, bytecode: sha384Bytecode })
  contract = (await client.waitForTransactionReceipt({ hash })).contractAddress as Hex
})
afterAll(() => chain?.stop())

test('every length up to 400: one block to four, and every boundary of the padding', async () => {
  await expectDigests(Array.from({ length: 401 }, (_, length) => bytes(length)))
})

test('random lengths up to 8 kB', async () => {
  const lengthOf = (i: number) =>
    Buffer.from(bytes(4, `length ${i}`)).readUInt32BE() % (MAX_RANDOM_LENGTH + 1)
  await expectDigests(Array.from({ length: RANDOM_LENGTHS }, (_, i) => bytes(lengthOf(i))))
})

test('messages of zeros, of ones, and of words that are one or the other', async () => {
  const patterns = [
    () => 0,
    () => 0xff,
    (i: number) => (i & 8 ? 0xff : 0),
    (i: number) => (i & 128 ? 0xff : 0),
    (i: number) => (i & 7 ? 0 : 0x80),
  ]
  await expectDigests(patterns.map(pattern => Uint8Array.from({ length: 1_000 }, (_, i) => pattern(i))))
})

test.each(laneCarries())(
  'messages of which only the masks keep lane B out of lane A: %s',
  async (_, message) => {
    await expectDigests([message])
  },
)

test('the longest message; one byte more is refused by name', async () => {
  await expectDigests([bytes(MAX_MESSAGE)])
  const midstate = sha384Midstate(new Uint8Array(0))
  await expect(digest(new Uint8Array(MAX_MESSAGE + 1), midstate)).rejects.toThrow(
    /MessageTooLong.*\s+\(32769\)/,
  )
})

test.each([111, 112, 300, 1_000])(
  'a midstate with any one bit flipped is refused: message of %i bytes',
  async length => {
    const message = bytes(length)
    const midstate = sha384Midstate(message)
    await inBatches(
      Array.from({ length: 512 }, (_, bit) => bit),
      async bit => {
        const flipped = midstate.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
        await expect(digest(message, flipped), `bit ${bit}`).rejects.toThrow('WrongMidstate()')
      },
    )
  },
)

test('the midstate of another message, or after other blocks of this one, is refused', async () => {
  const longer = bytes(1_400)
  const message = longer.subarray(0, 1_000)
  const others = [message.map(byte => byte ^ 1), message.subarray(0, 700), longer, new Uint8Array(0)]
  for (const other of others)
    await expect(digest(message, sha384Midstate(other))).rejects.toThrow('WrongMidstate()')
})

async function expectDigests(messages: Uint8Array[]): Promise<void> {
  await inBatches(messages, async message => {
    const expected = createHash('sha384').update(message).digest('hex')
    expect(await digest(message, sha384Midstate(message)), `${message.length} bytes`).toBe(`0x${expected}`)
  })
}

async function digest(message: Uint8Array, midstate: Uint8Array): Promise<Hex> {
  const [high, low] = await client.readContract({
    address: contract,
    abi: sha384Abi,
    functionName: 'hash',
    args: [toHex(message), [toHex(midstate.subarray(0, 32)), toHex(midstate.subarray(32))]],
  })
  return `${high}${low.slice(2)}`
}

async function inBatches<T>(items: T[], check: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += BATCH)
    await Promise.all(items.slice(start, start + BATCH).map(check))
}

/** The first bytes of an endless stream for each seed. */
function bytes(outputLength: number, seed = `message of ${outputLength}`): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength }).update(seed).digest())
}

function clientOf({ rpcUrl }: Anvil) {
  const account = mnemonicToAccount('test test test test test test test test test test test junk')
  const transport = http(rpcUrl, { batch: true })
  return createWalletClient({ chain: anvilChain, transport, account, pollingInterval: 10 }).extend(
    publicActions,
  )
}
