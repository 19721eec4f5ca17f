import { type Deployment, deployConsumer, type Wallet } from '@nacre/sdk'
import { ASSURANCE, type Hex, type Tensor, ZERO_ADDRESS } from '@nacre/verify'
import type { PublicClient } from 'viem'
import type { Model } from '../catalog.ts'
import { CALLBACK_GAS, MAX_EVIDENCE_AGE, PRICE, QUESTION_DEADLINE } from './settings.ts'

/** Which consumer contract asks which model about which of its held-out samples. */
export type Question = { consumer: 'IrisOracle' | 'DigitReader'; model: string; sample: number }

export const QUESTIONS: readonly Question[] = [
  { consumer: 'IrisOracle', model: 'iris-ols', sample: 0 },
  { consumer: 'IrisOracle', model: 'iris-ols', sample: 12 },
  { consumer: 'IrisOracle', model: 'iris-mlp', sample: 7 },
  { consumer: 'IrisOracle', model: 'iris-mlp', sample: 22 },
  { consumer: 'DigitReader', model: 'lenet5', sample: 3 },
  { consumer: 'DigitReader', model: 'lenet5', sample: 58 },
]

/** What a question to `artifact` asks for; `deadline` in seconds. */
export function paramsOf(options: { artifact: Hex; releaseId: Hex; deadline: bigint; maxGasPrice: bigint }) {
  const { artifact, releaseId, deadline, maxGasPrice } = options
  return {
    artifact,
    feeToken: ZERO_ADDRESS,
    fee: PRICE,
    maxOutput: 4096,
    callbackGas: CALLBACK_GAS,
    maxGasPrice,
    deadline,
    assurance: ASSURANCE.simulated,
    maxEvidenceAge: MAX_EVIDENCE_AGE,
    releases: [releaseId],
    publishers: [],
  }
}

/** The consumer contracts of the questions: a consumer accepts one release and one artifact, so a new one of either
 * needs a new consumer. Returns all addresses by name, and whether any was deployed. */
export async function deployConsumers(options: {
  client: PublicClient
  wallet: Wallet
  deployment: Deployment
  releaseId: Hex
  catalog: Model[]
}): Promise<{ consumers: Record<string, Hex>; isNew: boolean }> {
  const { client, wallet, deployment, releaseId, catalog } = options
  const consumers = { ...deployment.consumers }
  for (const { consumer, model } of QUESTIONS) {
    const artifact = catalog.find(one => one.name === model)?.artifact
    if (artifact === undefined) continue
    const name = consumerName({ consumer, model }, releaseId, artifact)
    if (consumers[name]) continue
    const params = paramsOf({ artifact, releaseId, deadline: BigInt(QUESTION_DEADLINE), maxGasPrice: 0n })
    consumers[name] = await deployConsumer({
      client,
      wallet,
      relay: deployment.relay,
      kind: consumer,
      params,
    })
  }
  const isNew = Object.keys(consumers).length > Object.keys(deployment.consumers).length
  return { consumers, isNew }
}

export function consumerName(
  question: Pick<Question, 'consumer' | 'model'>,
  releaseId: Hex,
  artifact: Hex,
): string {
  return `${question.consumer}/${question.model}/${releaseId.slice(2, 10)}/${artifact.slice(2, 10)}`
}

/** The consumer's own argument for a sample: fixed-point measurements, or pixels. */
export function argumentOf(question: Question, input: Tensor): readonly bigint[] | Hex {
  if (question.consumer === 'DigitReader') return `0x${Buffer.from(input.data as Uint8Array).toString('hex')}`
  return Array.from(input.data as Float32Array, value => BigInt(Math.round(value * 1000)) * 10n ** 15n)
}
