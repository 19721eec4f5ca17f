import {
  addressOf,
  concat,
  configHash,
  type Evidence,
  fromHex,
  type Hex,
  type Identity,
  keccak256,
  parametersHash,
  type Receipt,
  requestId,
  sha256,
  signReceipt,
  toHex,
  toJson,
  usageHash,
  userData,
  utf8,
  ZERO_ADDRESS,
  ZERO_HASH,
} from '@nacre/verify'
import { receiptEvent, STREAM_END } from '@nacre/verify/answerStream'
import { answerId, encodeProof, type Proof } from '@nacre/verify/inference'
import { createRecipient, openRequest, SEALED } from '@nacre/verify/seal'
import { secp256k1PublicKey } from '../../verify/test/p256.ts'
import { authority, createBundle, evidenceOptions, manifest, NOW, publisher } from './bundle.ts'

/** Who answers as an enclave of docs/inference.md does, or as one gone wrong: words that are given, everything else real. */
export type LanguageEnclave = {
  receiptKey: Hex
  /** The file that it says it serves, and answers with. */
  artifact: Hex
  fetch: (request: Request) => Promise<Response>
  /** Bodies of requests that were opened, in their order. */
  opened: string[]
}

export type LanguageEnclaveOptions = {
  name?: string
  model?: string
  artifact?: Hex
  words?: string[]
  /** What it signs otherwise than it should. */
  receipt?: Partial<Receipt>
  usage?: { price?: bigint; token?: Hex }
  /** Without them it is the receipt of another kind of engine. */
  settings?: boolean
  /** When its evidence is made, seconds. */
  attestedAt?: bigint
}

export const TALES: Hex = sha256(utf8('tales.gguf'))

export async function createLanguageEnclave(options: LanguageEnclaveOptions = {}): Promise<LanguageEnclave> {
  const { name = 'one', model = 'tales', artifact = TALES, words = ['Once', ' upon', ' a time'] } = options
  const key = fromHex(sha256(utf8(`language enclave ${name}`)))
  const recipient = await createRecipient()
  const { config } = createBundle()
  const identity: Identity = {
    ...{ version: 1, tlsKeyHash: ZERO_HASH, hpkeKey: recipient.hpkeKey, configHash: configHash(config) },
    receiptKey: addressOf(secp256k1PublicKey(key)),
  }
  const opened: string[] = []
  const seen = new Set<string>()

  function evidenceOver(nonce: Hex): Evidence {
    const { attestedAt = NOW } = options
    const bound = { userData: userData(identity), nonce, timestamp: attestedAt }
    return { kind: 'simulated', bytes: toHex(authority.issue({ ...evidenceOptions, ...bound })) }
  }

  function report(nonce: Hex): Response {
    const models = [{ id: model, artifact }]
    const evidence = evidenceOver(nonce)
    const own = { model, artifact, models, engine: 'test', identity, config, evidence, evidenceNonce: nonce }
    const signing = { signing_address: identity.receiptKey, signing_algo: 'ecdsa' }
    return Response.json(toJson({ ...own, ...signing, release: { publisher, manifest } }))
  }

  function proofOf(nonce: Hex, input: Uint8Array, output: Uint8Array): Proof {
    const origin = { type: 'client', nonce } as const
    const settings = options.settings === false ? {} : { settings: '{"api":"test"}' }
    const parameters = { engine: 'test', seed: 7n, ...settings }
    const usage = {
      units: 5n,
      price: 50n,
      token: ZERO_ADDRESS,
      maxOutput: config.maxOutput,
      ...options.usage,
    }
    const receipt: Receipt = {
      ...createBundle().receipt,
      ...{ requestId: requestId(config.chainId, origin), artifact, status: 0 },
      ...{ inputHash: keccak256(input), outputHash: keccak256(output) },
      ...{ parametersHash: parametersHash(parameters), usageHash: usageHash(usage) },
      ...options.receipt,
    }
    return { origin, parameters, receipt, signature: signReceipt(config, receipt, key), usage }
  }

  function answerTo(path: string, nonce: Hex, body: Uint8Array): { head: Head; pieces: Uint8Array[] } {
    const { stream } = JSON.parse(new TextDecoder().decode(body))
    const chat = path.endsWith('/chat/completions')
    const id = answerId(
      chat ? 'chatcmpl' : 'cmpl',
      identity.receiptKey,
      requestId(config.chainId, { type: 'client', nonce }),
    )
    const common = { id, created: Number(NOW), model }
    const choice = (text: string, field: 'message' | 'delta') =>
      chat ? { index: 0, [field]: { role: 'assistant', content: text } } : { index: 0, text }
    if (!stream) {
      const object = chat ? 'chat.completion' : 'text_completion'
      const choices = [{ ...choice(words.join(''), 'message'), finish_reason: 'stop' }]
      const output = utf8(JSON.stringify({ ...common, object, choices }))
      const headers = {
        'content-type': 'application/json',
        'x-nacre-receipt': encodeProof(proofOf(nonce, body, output)),
      }
      return { head: { status: 200, headers }, pieces: [output] }
    }
    const object = chat ? 'chat.completion.chunk' : 'text_completion'
    const events = words.map(word => {
      const choices = [{ ...choice(word, 'delta'), finish_reason: null }]
      return utf8(`data: ${JSON.stringify({ ...common, object, choices })}\n\n`)
    })
    const receipt = receiptEvent({ ...common, object }, proofOf(nonce, body, concat(...events)))
    const head = { status: 200, headers: { 'content-type': 'text/event-stream' } }
    return { head, pieces: [...events, receipt, STREAM_END] }
  }

  async function answerSealed(request: Request, path: string): Promise<Response> {
    const nonce = request.headers.get('x-nacre-nonce') as Hex
    if (seen.has(nonce)) return refusal(409, 'nonce_used')
    if (request.headers.get('x-nacre-enclave') !== identity.receiptKey) return refusal(421, 'wrong_enclave')
    const sealed = new Uint8Array(await request.arrayBuffer())
    const binding = { path, nonce, receiptKey: identity.receiptKey }
    const found = await openRequest({ ...binding, recipient, sealed }).catch(() => undefined)
    if (!found) return refusal(400, 'seal_invalid')
    seen.add(nonce)
    opened.push(new TextDecoder().decode(found.body))
    const { head, pieces } = answerTo(path, nonce, found.body)
    const answer = found.sealAnswer(head, pieces)
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const next = await answer.next()
        if (next.done) controller.close()
        else controller.enqueue(next.value)
      },
      cancel: () => void answer.return(undefined),
    })
    return new Response(body, { headers: { 'content-type': SEALED } })
  }

  return {
    receiptKey: identity.receiptKey,
    artifact,
    opened,
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url)
      if (pathname === '/v1/models') return Response.json({ object: 'list', data: [{ id: model, artifact }] })
      if (pathname === '/v1/attestation/report') return report(searchParams.get('nonce') as Hex)
      if (request.headers.get('content-type') === SEALED) return answerSealed(request, pathname)
      return refusal(404, 'unknown_url')
    },
  }
}

type Head = { status: number; headers: Record<string, string> }

function refusal(status: number, code: string): Response {
  const error = { message: code, type: 'invalid_request_error', param: null, code }
  return Response.json({ error }, { status })
}
