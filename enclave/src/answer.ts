import {
  configHash,
  type EnclaveConfig,
  type Hex,
  type Origin,
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

/** What differs from receipt to receipt; the rest is the enclave's. */
export type Facts = {
  origin: Origin
  artifact: Hex
  inputHash: Hex
  outputHash: Hex
  parameters: Parameters
  usage: Usage
  status: number
  anchor: { number: bigint; hash: Hex }
}

export type ReceiptSigner = (facts: Facts) => { receipt: Receipt; signature: Hex }

/** Signs receipts with a key; the sequence of a key starts at 1 and grows by 1. */
export function createReceiptSigner(key: ReceiptKey, config: EnclaveConfig): ReceiptSigner {
  const domain = { chainId: config.chainId, registry: config.registry }
  const fixed = {
    version: 1,
    releaseId: config.releaseId,
    configHash: configHash(config),
    parentsRoot: ZERO_HASH,
    extensionsRoot: ZERO_HASH,
  }
  let sequence = 0n
  return ({ origin, artifact, inputHash, outputHash, parameters, usage, status, anchor }) => {
    sequence += 1n
    const receipt: Receipt = {
      ...fixed,
      requestId: requestId(config.chainId, origin),
      ...{ artifact, inputHash, outputHash },
      parametersHash: parametersHash(parameters),
      usageHash: usageHash(usage),
      ...{ status, sequence, anchorNumber: anchor.number, anchorHash: anchor.hash },
    }
    return { receipt, signature: signReceipt(domain, receipt, key.privateKey, sign) }
  }
}

export type Signer = (job: Job, outcome: Outcome) => Answer

/** Signs the answers of jobs. */
export function createSigner(key: ReceiptKey, config: EnclaveConfig, engine: string): Signer {
  const parameters = { engine, seed: 0n }
  const signFacts = createReceiptSigner(key, config)
  return (job, { status, output }) => {
    const { origin, artifact, anchor } = job
    const { units, token } = job.usage
    const usage = { units, price: priceOf(job, status), token, maxOutput: job.maxOutput }
    const hashes = { inputHash: keccak256(job.input), outputHash: keccak256(output) }
    return {
      ...signFacts({ origin, artifact, ...hashes, parameters, usage, status, anchor }),
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
