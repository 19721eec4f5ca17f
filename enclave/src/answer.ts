import {
  configHash,
  type EnclaveConfig,
  type Hex,
  type Parameters,
  parametersHash,
  type Receipt,
  requestId,
  STATUS,
  signReceipt,
  type Usage,
  usageHash,
  ZERO_HASH,
} from '@nacre/verify'
import type { Outcome } from './execute.ts'
import type { Job } from './job.ts'
import { keccak256 } from './keccak.ts'
import { type ReceiptKey, sign } from './keys.ts'

/** A signed answer, without the evidence that some calls add to it. */
export type Answer = {
  receipt: Receipt
  signature: Hex
  output: Uint8Array
  parameters: Parameters
  usage: Usage
}

export type Signer = (job: Job, outcome: Outcome) => Answer

/** Signs answers with a key; the sequence of a key starts at 1 and grows by 1. */
export function createSigner(key: ReceiptKey, config: EnclaveConfig, engine: string): Signer {
  const domain = { chainId: config.chainId, registry: config.registry }
  const parameters = { engine, seed: 0n }
  const fixed = {
    version: 1,
    releaseId: config.releaseId,
    configHash: configHash(config),
    parametersHash: parametersHash(parameters),
    parentsRoot: ZERO_HASH,
    extensionsRoot: ZERO_HASH,
  }
  let sequence = 0n
  return (job, { status, output }) => {
    const { units, token } = job.usage
    const usage = { units, price: priceOf(job, status), token, maxOutput: job.maxOutput }
    sequence += 1n
    const receipt: Receipt = {
      ...fixed,
      requestId: requestId(config.chainId, job.origin),
      artifact: job.artifact,
      inputHash: keccak256(job.input),
      outputHash: keccak256(output),
      usageHash: usageHash(usage),
      status,
      sequence,
      anchorNumber: job.anchor.number,
      anchorHash: job.anchor.hash,
    }
    return {
      receipt,
      signature: signReceipt(domain, receipt, key.privateKey, sign),
      // A copy: the answer is remembered, and what the engine sent is a view of more.
      output: new Uint8Array(output),
      parameters,
      usage,
    }
  }
}

/** The requester pays for an answer, less for its own mistake, and nothing for a failure of the engine. */
function priceOf({ usage }: Job, status: number): bigint {
  if (status === STATUS.ok) return usage.price
  return status === STATUS.engineFailed ? 0n : usage.errorPrice
}
