import { type Address, decodeErrorResult, encodeFunctionData, type Hex, parseAbi, toHex } from 'viem'
import { encodeHint, encodeStatement, type Hint, type Statement } from './hint.ts'

/** P384 and its mutants on a development chain, called by bare JSON-RPC: thousands of calls in one request. */
const ABI = parseAbi([
  'function check(bytes statement, bytes hint) view',
  'error StatementLength(uint256 length)',
  'error HintLength(uint256 length)',
  'error OutOfRange()',
  'error InvalidSchedule()',
  'error ModulusNotPrime()',
  'error NotProven()',
])
/** Of a development account that anvil signs for. */
const SENDER: Address = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'
const METER: Address = '0x00000000000000000000000000000000c0de0001'
/** EIP-7825: what one transaction may use at most. */
export const TRANSACTION_GAS = 16_777_216

type Reply = { id: number; result?: unknown; error?: { message: string; data?: Hex } }
export type Call = { statement: Uint8Array | Statement; hint: Uint8Array | Hint }

/** One after the other: each takes the account's next nonce. */
export async function deployAll(rpcUrl: string, code: Map<string, Hex>): Promise<Map<string, Address>> {
  const gas = toHex(TRANSACTION_GAS)
  const addresses = new Map<string, Address>()
  for (const [name, data] of code) {
    const [hash] = await send(rpcUrl, [['eth_sendTransaction', [{ from: SENDER, data, gas }]]])
    addresses.set(name, await receiptOf(rpcUrl, hash as Hex))
  }
  return addresses
}

/** 'accepted', or the name of the error that the call ended with. */
export async function verdictOf(
  rpcUrl: string,
  to: Address,
  statement: Call['statement'],
  hint: Call['hint'],
): Promise<string> {
  return (await verdictsOf(rpcUrl, to, [{ statement, hint }]))[0]!
}

export async function verdictsOf(rpcUrl: string, to: Address, calls: Call[]): Promise<string[]> {
  const gas = toHex(TRANSACTION_GAS)
  const replies = await post(
    rpcUrl,
    calls.map(({ statement, hint }) => [
      'eth_call',
      [{ to, from: SENDER, data: callData(statement, hint), gas }, 'latest'],
    ]),
  )
  return replies.map(verdict)
}

/**
 * Gas units of a call alone, whatever it ends with. A transaction's own figure does not show them: with so much calldata
 * it pays the floor (EIP-7623), which is more.
 */
export async function gasOf(rpcUrl: string, to: Address, { statement, hint }: Call): Promise<number> {
  // copies its calldata, calls `to` with it, and returns what gas was before less what it is after
  const meter = `0x365f5f375a5f5f365f73${to.slice(2)}5afa505a90035f5260205ff3` as const
  await setCode(rpcUrl, METER, meter)
  const call = { to: METER, from: SENDER, data: callData(statement, hint), gas: toHex(TRANSACTION_GAS) }
  const [used] = await send(rpcUrl, [['eth_call', [call, 'latest']]])
  return Number(used)
}

export async function setCode(rpcUrl: string, address: Address, code: Hex): Promise<void> {
  await send(rpcUrl, [['anvil_setCode', [address, code]]])
}

function callData(statement: Call['statement'], hint: Call['hint']): Hex {
  const statementBytes = statement instanceof Uint8Array ? statement : encodeStatement(statement)
  const hintBytes = hint instanceof Uint8Array ? hint : encodeHint(hint)
  return encodeFunctionData({
    abi: ABI,
    functionName: 'check',
    args: [toHex(statementBytes), toHex(hintBytes)],
  })
}

function verdict({ error }: Reply): string {
  if (!error) return 'accepted'
  if (error.data && error.data !== '0x') {
    try {
      return decodeErrorResult({ abi: ABI, data: error.data }).errorName
    } catch {
      return error.data
    }
  }
  return /OutOfGas|OOG|out of gas/.test(error.message) ? 'out of gas' : error.message
}

async function receiptOf(rpcUrl: string, hash: Hex): Promise<Address> {
  for (;;) {
    const [receipt] = await send(rpcUrl, [['eth_getTransactionReceipt', [hash]]])
    if (!receipt) continue
    const { status, contractAddress } = receipt as { status: Hex; contractAddress: Address }
    if (status !== '0x1') throw new Error(`a contract could not be deployed: ${JSON.stringify(receipt)}`)
    return contractAddress
  }
}

async function send(rpcUrl: string, calls: [string, unknown[]][]): Promise<unknown[]> {
  return (await post(rpcUrl, calls)).map(({ error, result }) => {
    if (error) throw new Error(error.message)
    return result
  })
}

async function post(rpcUrl: string, calls: [string, unknown[]][]): Promise<Reply[]> {
  const body = calls.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params }))
  const response = await fetch(rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const replies = (await response.json()) as Reply[]
  return replies.sort((a, b) => a.id - b.id)
}
