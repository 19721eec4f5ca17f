import { relayAbi } from '@nacre/contracts'
import type { Graph } from '@nacre/proofs/zk'
import { inputHashOf } from '@nacre/proofs/zk/groth16/input'
import { countsOn, decodeKey } from '@nacre/proofs/zk/groth16/key'
import { verifyGroth16 } from '@nacre/proofs/zk/groth16/verify'
import {
  ASSURANCE,
  type Check,
  type Domain,
  decodeTensor,
  fromHex,
  type Hex,
  keccak256,
  messageOf,
  type Receipt,
  receiptId,
  sha256,
} from '@nacre/verify'
import { decodeFunctionData, type PublicClient, parseEventLogs } from 'viem'
import { sdkError } from '../errors.ts'
import type { RelayRequest } from '../relay.ts'

/** A `zk` answer, as the transaction that fulfilled it has it: all that anyone needs to check the proof again. */
export type ZkAnswer = {
  request: RelayRequest
  receipt: Receipt
  /** 256 bytes. */
  proof: Hex
  /** A canonical tensor, int32. */
  output: Hex
}

/**
 * The answer to a request from the calldata of the transaction that fulfilled it.
 * @throws NacreError bad-answer when that transaction did not call the relay itself
 */
export async function readZkAnswer(options: {
  client: PublicClient
  relay: Hex
  id: Hex
  transactionHash: Hex
}): Promise<ZkAnswer> {
  const { client, relay, id, transactionHash: hash } = options
  const [{ to, input }, { logs }] = await Promise.all([
    client.getTransaction({ hash }),
    client.getTransactionReceipt({ hash }),
  ])
  const own = logs.filter(log => log.address.toLowerCase() === relay.toLowerCase())
  const events = parseEventLogs({ abi: relayAbi, eventName: 'Fulfilled', logs: own })
  // What another contract was called with is none of the relay's calls: it cannot be decoded.
  const isDirect = to?.toLowerCase() === relay.toLowerCase()
  const call = isDirect ? decodeFunctionData({ abi: relayAbi, data: input }) : undefined
  if (call?.functionName !== 'fulfil' || !events.some(({ args }) => args.id === id))
    throw sdkError(
      'bad-answer',
      `Transaction ${hash} does not fulfil request ${id} by a call of the relay itself.`,
    )
  const [request, receipt, proof, output] = call.args
  return { request, receipt, proof, output }
}

export type ZkExpectation = {
  /** The key file that the caller trusts, whose setup it has checked. */
  keyFile: Uint8Array
  /** With the graph and the input that were asked about, their commitment is made again. */
  asked?: { graph: Graph; input: Int32Array }
  /** Chain and enclave registry, and what the chain's event says. */
  domain: Domain
  requestId: Hex
  receiptId: Hex
}

/**
 * Checks what the chain has checked, again and without it: that the answer is of this request, key and input, and the
 * proof. The model is the key file alone: compile it, and check the setup's transcript, to know what it is of.
 */
export function verifyZkAnswer(
  { request, receipt, proof, output }: ZkAnswer,
  { keyFile, asked, domain, ...expected }: ZkExpectation,
): { ok: boolean; checks: Check[] } {
  const artifact = sha256(keyFile)
  const bytes = fromHex(output)
  const checks: Check[] = [
    same('request', receipt.requestId, expected.requestId),
    same('receipt', receiptId(domain, receipt), expected.receiptId),
    {
      name: 'assurance',
      ok: request.params.assurance === ASSURANCE.zk,
      detail: `assurance ${request.params.assurance}, zk is ${ASSURANCE.zk}`,
    },
    same('key', receipt.artifact, artifact),
    setupCheck(keyFile, domain),
    same('input', receipt.inputHash, asked ? inputHashOf(asked.graph, asked.input) : request.inputHash),
    same('output', receipt.outputHash, keccak256(bytes)),
    proofCheck(keyFile, receipt, bytes, fromHex(proof)),
  ]
  return { ok: checks.every(check => check.ok), checks }
}

function same(name: string, told: Hex, expected: Hex): Check {
  return {
    name,
    ok: told.toLowerCase() === expected.toLowerCase(),
    detail: told === expected ? told : `it is ${told}, not ${expected}`,
  }
}

/** As contracts: whoever made a development's setup can prove anything. That a ceremony was one, nothing here says. */
function setupCheck(keyFile: Uint8Array, { chainId }: Domain): Check {
  try {
    const key = decodeKey(keyFile)
    const ok = countsOn(key, chainId)
    return { name: 'setup', ok, detail: ok ? key.setup : `of ${key.setup}: it counts on chain 31337 alone` }
  } catch (error) {
    return { name: 'setup', ok: false, detail: messageOf(error) }
  }
}

function proofCheck(
  keyFile: Uint8Array,
  { inputHash }: Receipt,
  output: Uint8Array,
  proof: Uint8Array,
): Check {
  try {
    const key = decodeKey(keyFile)
    const { dtype, dims, data } = decodeTensor(output)
    if (!(data instanceof Int32Array) || `${dims}` !== `${key.dims}`)
      return { name: 'proof', ok: false, detail: `the output is ${dtype} [${dims}], not int32 [${key.dims}]` }
    verifyGroth16(key, { inputHash: fromHex(inputHash), output: data }, proof)
    return { name: 'proof', ok: true, detail: 'the pairing equation holds' }
  } catch (error) {
    return { name: 'proof', ok: false, detail: messageOf(error) }
  }
}
