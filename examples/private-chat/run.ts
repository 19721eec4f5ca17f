/** A private question to a language model, by OpenAI's own client: npx node examples/private-chat/run.ts [--state DIR] */
import { readFileSync } from 'node:fs'
import { createPrivateClient } from '@nacre/sdk'
import { parsePolicy, receiptId } from '@nacre/verify'
import OpenAI from 'openai'
import { saveReceipt } from '../../cli/src/dev/receipts.ts'
import { nodeCrypto } from '../../cli/src/nodeCrypto.ts'
import { runExample } from '../example.ts'

await runExample(async ({ network, say }) => {
  const { inference, paths } = network
  if (!inference) throw new Error('this network has no language model: start it with this version of nacre')
  const client = createPrivateClient({
    url: new URL(inference.baseUrl).origin,
    policy: parsePolicy(JSON.parse(readFileSync(paths.policy, 'utf8'))),
    models: inference.models,
    crypto: nodeCrypto,
  })
  const [model = ''] = Object.keys(inference.models)
  const [enclave] = await client.enclaves(model)
  say(`verified before anything is sent: enclave ${enclave?.report.identity.receiptKey}`)

  const openai = new OpenAI({ baseURL: client.baseURL, apiKey: 'none', fetch: client.fetch })
  const content = 'What is a ship?'
  const messages = [{ role: 'user' as const, content }]
  const stream = await openai.chat.completions.create({ model, messages, max_tokens: 32, stream: true })
  let text = ''
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
  say(`${model} answers: ${text.trim()}`)

  const bundle = client.lastReceipt
  if (!bundle) throw new Error('the stream ended without a receipt')
  const file = saveReceipt(paths.receipts, receiptId(bundle, bundle.receipt), bundle)
  say(`receipt verified: ${file}`)
  say(`${bundle.usage.units} tokens for ${bundle.usage.price} of the token’s smallest unit`)
})
