import type {
  Batch,
  EnclaveConfig,
  Evidence,
  Hex,
  Identity,
  Manifest,
  Origin,
  ReceiptBundle,
} from '@nacre/verify'
import type { Payment } from '../enclaveClient.ts'
import type { ChainRequest } from './requests.ts'
import type { RequestRow } from './tables.ts'

/** A batch as an enclave signed it. */
export type SignedBatch = { batch: Batch; signature: Hex }

/** What the enclave is asked (docs/protocol.md, Channel to the enclave). */
export type Job = {
  origin: Origin
  artifact: Hex
  input: Hex
  anchor: { number: bigint; hash: Hex }
  maxOutput: number
  usage: { units: bigint; price: bigint; errorPrice: bigint; token: Hex }
  /** With it, the bundle has evidence over this nonce; otherwise the evidence of the registration. */
  nonce?: Hex
  payment?: Payment
}

/** Answers jobs with bundles that hold all that a verifier needs. */
export type Bundler = {
  identity: Identity
  config: EnclaveConfig
  answer(job: Job): Promise<ReceiptBundle>
}

/** What the enclave returned for a job. */
export type Answered = Pick<ReceiptBundle, 'receipt' | 'signature' | 'output' | 'parameters' | 'usage'> & {
  evidence?: Evidence | undefined
  settlement?: SignedBatch | undefined
}

/** Where a bundle's other parts come from: one attested enclave. */
export type Attested = {
  identity: Identity
  config: EnclaveConfig
  evidence: Evidence
  evidenceNonce: Hex
  release: { publisher: Hex; manifest: Manifest }
}

/** The contracts' divisor: a receipt of a requester's error is paid this part of the fee (Relay.priceOf). */
export const ERROR_FEE_DIVISOR = 10n

/** The job of a relay request: its anchor is the request's own block. */
export function relayJob(
  relay: Hex,
  row: RequestRow & { input: Hex },
  { consumer, nonce, params }: ChainRequest,
): Job {
  return {
    origin: { type: 'relay', relay, consumer: consumer.toLowerCase() as Hex, nonce },
    artifact: row.artifact,
    input: row.input,
    anchor: { number: row.blockNumber, hash: row.blockHash },
    maxOutput: params.maxOutput,
    usage: {
      units: 1n,
      price: params.fee,
      errorPrice: params.fee / ERROR_FEE_DIVISOR,
      token: params.feeToken.toLowerCase() as Hex,
    },
  }
}

/** Puts the parts together. */
export function assemble(
  { identity, config, evidence, evidenceNonce, release }: Attested,
  job: Job,
  answered: Answered,
): ReceiptBundle {
  const { receipt, signature, output, parameters, usage } = answered
  const fresh =
    answered.evidence && job.nonce ? { evidence: answered.evidence, evidenceNonce: job.nonce } : undefined
  return {
    type: 'nacre.receipt',
    version: 1,
    chainId: config.chainId,
    registry: config.registry,
    receipt,
    signature,
    origin: job.origin,
    input: job.input,
    output,
    parameters,
    usage,
    identity,
    config,
    ...(fresh ?? { evidence, evidenceNonce }),
    release,
  }
}
