import { createHash } from 'node:crypto'
import { type EnclaveConfig, type Hex, type Origin, requestId, toHex, type Usage } from '@nacre/verify'
import { type AnswerKind, answerId, type Proof, parseAnswerId } from '@nacre/verify/inference'
import { createReceiptSigner } from '../answer.ts'
import { keccak256 } from '../keccak.ts'
import { type ReceiptKey, sign } from '../keys.ts'
import { ApiError } from './apiErrors.ts'
import { MAX_RECEIPTS } from './limits.ts'
import { priceOf, type Terms } from './terms.ts'

/** One answer before it is given: what is known of it by then. */
export type Opening = {
  kind: AnswerKind
  /** As it goes into the answer, and into its receipt's request id. */
  id: string
  origin: Origin
  artifact: Hex
  /** keccak-256 and SHA-256 of the request's body. */
  inputHash: Hex
  inputSha256: string
  terms: Terms
  seed: number
  /** Canonical JSON. */
  settings: string
}

/** What became of it. */
export type Closing = {
  outputHash: Hex
  outputSha256: string
  tokens: { prompt: number; completion: number }
  /** 0, or 3 where the engine failed: then it costs nothing. */
  status: 0 | 3
}

export type ReceiptBook = {
  /** Id of the answer to this origin's request. */
  idOf(kind: AnswerKind, origin: Origin): string
  /** Signs, and keeps what it signed. */
  close(opening: Opening, closing: Closing): Proof
  /** @throws ApiError not_found */
  find(id: string): Proof
  /** docs/inference.md, GET /v1/signature. @throws ApiError not_found */
  signature(id: string): { text: string; signature: Hex }
}

type Entry = { proof: Proof; text: string }

/** Signs the receipts of answers, and has the newest ones. */
export function createReceiptBook(
  key: ReceiptKey,
  config: EnclaveConfig,
  engine: string,
  max: number = MAX_RECEIPTS,
): ReceiptBook {
  const signFacts = createReceiptSigner(key, config)
  const entries = new Map<Hex, Entry>()

  const find = (id: string): Entry => {
    const asked = /^0x[0-9a-f]{64}$/.test(id) ? (id as Hex) : parseAnswerId(id)?.requestId
    const entry = asked && entries.get(asked)
    if (entry) return entry
    throw new ApiError('not_found', 'this enclave has no such answer among its newest ones')
  }
  return {
    idOf: (kind, origin) => answerId(kind, key.address, requestId(config.chainId, origin)),
    close(opening, { outputHash, outputSha256, tokens, status }) {
      const { origin, artifact, inputHash, terms, settings } = opening
      const usage: Usage = {
        units: BigInt(tokens.prompt + tokens.completion),
        price: status === 0 ? priceOf(terms.prices, tokens) : 0n,
        token: terms.prices.token,
        maxOutput: config.maxOutput,
      }
      const parameters = { engine, seed: BigInt(opening.seed), settings }
      const { anchor } = terms
      const signed = signFacts({ origin, artifact, inputHash, outputHash, parameters, usage, status, anchor })
      const proof = { origin, parameters, ...signed, usage }
      entries.set(signed.receipt.requestId, { proof, text: `${opening.inputSha256}:${outputSha256}` })
      if (entries.size > max) entries.delete(entries.keys().next().value!)
      return proof
    },
    find: id => find(id).proof,
    signature(id) {
      const { text } = find(id)
      return { text, signature: signText(text, key) }
    },
  }
}

/** EIP-191, version 0x45 (personal_sign): 65 bytes r, s, v. */
function signText(text: string, key: ReceiptKey): Hex {
  const digest = keccak256(Buffer.from(`\x19Ethereum Signed Message:\n${Buffer.byteLength(text)}${text}`))
  const { signature, recovery } = sign(Buffer.from(digest.slice(2), 'hex'), key.privateKey)
  return toHex(Uint8Array.from([...signature, 27 + recovery]))
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
