import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { concat, fromHex, type Hex, toHex, utf8 } from './bytes.ts'
import { messageOf, NacreError } from './errors.ts'
import { answerKeys, type OpenedAnswer, openAnswer, type Pieces, sealAnswer } from './sealedAnswer.ts'
import type { AnswerHead } from './sealedHead.ts'

/**
 * Sealed bodies (docs/inference.md): HPKE (RFC 9180) in base mode to an attested key. Primitives are WebCrypto's, in
 * Node and in browsers alike.
 */

/** Media type of sealed requests and answers. */
export const SEALED = 'application/vnd.nacre.sealed'

/** What a request is bound to: it opens at this path, under this nonce (32 bytes), in the enclave of this receipt key. */
export type SealBinding = { path: string; nonce: Hex; receiptKey: Hex }

/** A key to open requests with; `hpkeKey` is the public one, as identities have it. */
export type SealRecipient = { hpkeKey: Hex; key: RecipientKey }
export type RecipientKey = Awaited<ReturnType<DhkemX25519HkdfSha256['generateKeyPair']>>

export type SealedRequest = {
  body: Uint8Array
  /** Opens the bytes of the answer as they come, however they are split. */
  openAnswer: (source: Pieces) => Promise<OpenedAnswer>
}

export type OpenedRequest = {
  body: Uint8Array
  /**
   * The bytes of the answer, piece by piece; a `body` that throws leaves it cut off, which the other side notices. To be
   * called once: `responseNonce`, 32 bytes, is drawn, and given in tests alone.
   */
  sealAnswer: (head: AnswerHead, body: Pieces, responseNonce?: Uint8Array) => AsyncGenerator<Uint8Array>
}

const VERSION = 1
const ENC = 32
const TAG = 16
const ANSWER = utf8('nacre sealed answer 1')

/** A key pair that never leaves WebCrypto's hands. */
export async function createRecipient(): Promise<SealRecipient> {
  return recipientOf(await suite().kem.generateKeyPair())
}

/** The key pair that RFC 9180, 7.1.3, derives from key material of at least 32 bytes; for tests and vectors. */
export async function deriveRecipient(material: Uint8Array): Promise<SealRecipient> {
  return recipientOf(await suite().kem.deriveKeyPair(material))
}

/**
 * Seals a request's body to an enclave.
 * @param options.ephemeral key material of the ephemeral key, for vectors alone: without it a fresh one is drawn
 * @throws NacreError invalid-hex, invalid-seal when the key is none
 */
export async function sealRequest(
  options: SealBinding & { hpkeKey: Hex; body: Uint8Array; ephemeral?: Uint8Array },
): Promise<SealedRequest> {
  const info = infoOf(options)
  const raw = fromHex(options.hpkeKey, 32)
  const sender = await orInvalid('the key is none of X25519', async () => {
    const recipientPublicKey = await suite().kem.deserializePublicKey(raw)
    const ephemeral = options.ephemeral && { ekm: options.ephemeral }
    return suite().createSenderContext({ recipientPublicKey, info, ...ephemeral })
  })
  const enc = new Uint8Array(sender.enc)
  const sealed = new Uint8Array(await sender.seal(options.body))
  const secret = new Uint8Array(await sender.export(ANSWER, 32))
  return {
    body: concat(Uint8Array.of(VERSION), enc, sealed),
    openAnswer: source => openAnswer(source, nonce => answerKeys(enc, nonce, secret)),
  }
}

/**
 * Opens a request's body, which the caller has bound in size.
 * @throws NacreError invalid-seal (cut, changed, or sealed for another path, nonce or enclave), unsupported-version
 */
export async function openRequest(
  options: SealBinding & { recipient: SealRecipient; sealed: Uint8Array },
): Promise<OpenedRequest> {
  const { sealed, recipient } = options
  const info = infoOf(options)
  const [version] = sealed
  if (version !== undefined && version !== VERSION)
    throw new NacreError('unsupported-version', `the sealed body is version ${version}, known: ${VERSION}`)
  if (sealed.length < 1 + ENC + TAG) throw new NacreError('invalid-seal', 'the sealed body is cut off')
  const enc = sealed.slice(1, 1 + ENC)
  return orInvalid('the sealed body does not open here', async () => {
    const context = await suite().createRecipientContext({ recipientKey: recipient.key, enc, info })
    const body = new Uint8Array(await context.open(sealed.subarray(1 + ENC)))
    const secret = new Uint8Array(await context.export(ANSWER, 32))
    return {
      body,
      sealAnswer: (head, body, nonce = randomBytes(32)) =>
        sealAnswer(head, body, nonce, answerKeys(enc, nonce, secret)),
    }
  })
}

/** Each is made for one use: they keep a little state between their calls. */
function suite(): CipherSuite {
  return new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  })
}

async function recipientOf(key: RecipientKey): Promise<SealRecipient> {
  return { hpkeKey: toHex(new Uint8Array(await suite().kem.serializePublicKey(key.publicKey))), key }
}

/** A zero byte ends each part; none has one itself. */
function infoOf({ path, nonce, receiptKey }: SealBinding): Uint8Array {
  fromHex(nonce, 32)
  fromHex(receiptKey, 20)
  if (path.includes('\0')) throw new NacreError('invalid-text', 'the path has a zero byte')
  const parts = ['nacre sealed 1', path, nonce, receiptKey].map(utf8)
  return concat(...parts.flatMap((part, i) => (i === 0 ? [part] : [Uint8Array.of(0), part])))
}

async function orInvalid<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    throw new NacreError('invalid-seal', `${what}: ${messageOf(cause) || 'it was changed'}`, { cause })
  }
}

function randomBytes(size: number): Uint8Array {
  const { crypto } = globalThis as unknown as { crypto: { getRandomValues(bytes: Uint8Array): Uint8Array } }
  return crypto.getRandomValues(new Uint8Array(size))
}
