import { keccak256, parseReceipt, type Receipt, toJson, usageHash, ZERO_HASH } from '@nacre/verify'
import { hexOf, objectOf, oneOf, versionOf } from '@nacre/verify/shape'
import type { Hex } from 'viem'
import { chainRequest } from '../requests.ts'
import type { RequestRow } from '../tables.ts'

/** Longest output of an answer: relays allow less. */
const MAX_OUTPUT = 2 ** 20
const PROOF_BYTES = 256

/** What a `zk` request is fulfilled with. The receipt has no signature, and what only an enclave could state is zero. */
export type ZkAnswer = { type: 'nacre.zk-answer'; version: 1; receipt: Receipt; proof: Hex; output: Hex }

const parseShape = objectOf<ZkAnswer>({
  type: oneOf('nacre.zk-answer'),
  version: versionOf(1),
  receipt: parseReceipt,
  proof: hexOf(PROOF_BYTES),
  output: hexOf({ max: MAX_OUTPUT }),
})

/** The answer to a request that a proof was made for (docs/protocol.md, zk requests). */
export function zkAnswer(row: RequestRow, { output, proof }: Pick<ZkAnswer, 'output' | 'proof'>): ZkAnswer {
  const { inputHash, params } = chainRequest(row)
  const { fee, feeToken: token, maxOutput } = params
  const receipt: Receipt = {
    version: 1,
    requestId: row.id,
    releaseId: ZERO_HASH,
    configHash: ZERO_HASH,
    artifact: row.artifact,
    inputHash,
    outputHash: keccak256(Buffer.from(output.slice(2), 'hex')),
    parametersHash: ZERO_HASH,
    usageHash: usageHash({ units: 1n, price: fee, token, maxOutput }),
    status: 0,
    sequence: 0n,
    anchorNumber: row.blockNumber,
    anchorHash: row.blockHash,
    parentsRoot: ZERO_HASH,
    extensionsRoot: ZERO_HASH,
  }
  return { type: 'nacre.zk-answer', version: 1, receipt, proof, output }
}

/** As the database has it. */
export const zkAnswerJson = (answer: ZkAnswer): unknown => toJson(answer)

/** Whether what is stored for a request is such an answer, and no enclave's bundle. */
export function isZkAnswer(stored: unknown): boolean {
  return (stored as { type?: unknown } | null)?.type === 'nacre.zk-answer'
}

/** @throws NacreError wrong-type and kin */
export function parseZkAnswer(stored: unknown): ZkAnswer {
  return parseShape(stored, 'answer')
}
