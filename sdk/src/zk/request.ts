import type { Graph } from '@nacre/proofs/zk'
import { encodeInput, inputHashOf } from '@nacre/proofs/zk/groth16/input'
import { ASSURANCE, type Hex } from '@nacre/verify'
import type { PublicClient } from 'viem'
import { type RelayParams, type Requested, requestByHash, type Wallet } from '../relay.ts'

/**
 * What an operator without an enclave declares: a release that nobody can list, so that nothing that an enclave has to
 * answer is ever its duty.
 */
export const NO_ENCLAVE: { releaseId: Hex; assurance: number } = {
  releaseId: `0x${'00'.repeat(31)}01`,
  assurance: ASSURANCE.zk,
}

/** What a `zk` request costs, and until when; the rest of its parameters follows from what is asked. */
export type ZkTerms = Pick<
  RelayParams,
  'feeToken' | 'fee' | 'maxOutput' | 'callbackGas' | 'maxGasPrice' | 'deadline'
>

/** The parameters of a `zk` request: the verifying key that `artifact` names is all of its policy. */
export function zkParams(artifact: Hex, terms: ZkTerms): RelayParams {
  return { ...terms, artifact, assurance: ASSURANCE.zk, maxEvidenceAge: 0, releases: [], publishers: [] }
}

/**
 * Asks from a plain account for a proven answer; wait for it with `waitForAnswer`, and check it again with
 * `readZkAnswer` and `verifyZkAnswer`. The input is public.
 * @param options.artifact SHA-256 of the model's key file (.nzkg), whose setup you have checked
 * @param options.graph the network that the key is of, whose input's range and dimensions the hash is made with
 * @param options.input whole numbers, row-major
 * @param options.source an http or https URL where operators find the input's canonical bytes; default: they travel with
 * the request
 * @throws NacreError invalid-input, zk-value-out-of-range, relay-reverted with the contract's own error
 */
export async function requestZk(options: {
  client: PublicClient
  wallet: Wallet
  relay: Hex
  artifact: Hex
  graph: Graph
  input: Int32Array
  terms: ZkTerms
  source?: string
}): Promise<Requested> {
  const { client, wallet, relay, artifact, graph, input, terms } = options
  const inputHash = inputHashOf(graph, input)
  const source = options.source ?? encodeInput(graph, input)
  return requestByHash({ client, wallet, relay, params: zkParams(artifact, terms), inputHash, source })
}
