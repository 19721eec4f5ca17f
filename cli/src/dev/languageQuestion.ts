import { readFileSync } from 'node:fs'
import { createPrivateClient } from '@nacre/sdk'
import { parsePolicy, type ReceiptBundle, receiptId } from '@nacre/verify'
import { nodeCrypto } from '../nodeCrypto.ts'
import type { Inference, Network } from './network.ts'
import { type Check, saveReceipt } from './receipts.ts'

/** What the language model answered, and every check of its receipt. */
export type LanguageAnswer = {
  model: string
  question: string
  answer: string
  tokens: number
  latencyMs: number
  receiptId: string
  file: string
  checks: Check[]
}

const QUESTION = 'What is a ship?'
const MAX_TOKENS = 48

/**
 * Asks a language model through the gateway, which sees ciphertext alone: its enclave is verified before, the question
 * sealed to it, and the receipt of the answer checked and saved.
 */
export async function askLanguageModel(network: Network, inference: Inference): Promise<LanguageAnswer> {
  const [model = ''] = Object.keys(inference.models)
  let bundle: ReceiptBundle | undefined
  let checks: Check[] = []
  const client = createPrivateClient({
    url: inference.baseUrl.replace(/\/v1$/, ''),
    policy: parsePolicy(JSON.parse(readFileSync(network.paths.policy, 'utf8'))),
    models: inference.models,
    crypto: nodeCrypto,
    onReceipt: (one, verification) => {
      bundle = one
      checks = verification.checks
    },
  })
  const started = performance.now()
  const answer = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: QUESTION }],
    max_tokens: MAX_TOKENS,
    temperature: 0,
  })
  const latencyMs = performance.now() - started
  const { choices, usage } = answer as {
    choices: { message: { content: string | null } }[]
    usage?: { completion_tokens?: number }
  }
  if (!bundle) throw new Error('the language model answered without a receipt')
  const id = receiptId(bundle, bundle.receipt)
  return {
    ...{ model, question: QUESTION, checks, latencyMs, receiptId: id },
    answer: choices[0]?.message.content ?? '',
    tokens: usage?.completion_tokens ?? 0,
    file: saveReceipt(network.paths.answers, id, bundle),
  }
}
