import { type AeadEncryptionContext, Aes256Gcm } from '@hpke/core'
import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { type ByteSource, byteSource, type Pieces } from './byteSource.ts'
import { concat, utf8 } from './bytes.ts'
import { NacreError } from './errors.ts'
import { type AnswerHead, decodeHead, encodeHead } from './sealedHead.ts'

export type { Pieces } from './byteSource.ts'

/** An answer that was sealed: `body` gives its bytes in order and throws where they do not hold. */
export type OpenedAnswer = AnswerHead & { body: AsyncGenerator<Uint8Array, void, undefined> }

/** Key and base nonce of one answer's chunks. */
export type AnswerKeys = { aead: AeadEncryptionContext; base: Uint8Array }

const VERSION = 1
const NONCE = 32
const TAG = 16
/** Longest plaintext and ciphertext of a chunk. */
const MAX_PLAIN = 65_536
const MAX_CHUNK = MAX_PLAIN + TAG
const FINAL = utf8('final')
const NOT_FINAL = new Uint8Array(0)

/** RFC 9458, 4.4, with the names of docs/inference.md. */
export function answerKeys(enc: Uint8Array, responseNonce: Uint8Array, secret: Uint8Array): AnswerKeys {
  const prk = extract(sha256, secret, concat(enc, responseNonce))
  const key = expand(sha256, prk, utf8('key'), 32)
  return { aead: new Aes256Gcm().createEncryptionContext(key), base: expand(sha256, prk, utf8('nonce'), 12) }
}

/** The bytes of a sealed answer; the last chunk is an empty one, so that no piece waits for the next. */
export async function* sealAnswer(
  head: AnswerHead,
  body: Pieces,
  responseNonce: Uint8Array,
  keys: AnswerKeys,
): AsyncGenerator<Uint8Array> {
  const first = await sealChunk(keys, 0, encodeHead(head), NOT_FINAL)
  yield concat(Uint8Array.of(VERSION), responseNonce, first)
  let index = 1
  for await (const piece of body) {
    for (let at = 0; at < piece.length; at += MAX_PLAIN)
      yield sealChunk(keys, index++, piece.subarray(at, at + MAX_PLAIN), NOT_FINAL)
  }
  yield sealChunk(keys, index, new Uint8Array(0), FINAL)
}

/**
 * Status and headers of a sealed answer, and its body as it comes.
 * @throws NacreError unsupported-version, cut-off (it ended before its last chunk), invalid-seal (chunks changed,
 * repeated, left out, in another order, or of another request; bytes after the last), too-large
 */
export async function openAnswer(
  pieces: Pieces,
  keysOf: (responseNonce: Uint8Array) => AnswerKeys,
): Promise<OpenedAnswer> {
  const source = byteSource(pieces)
  try {
    const [version] = await take(source, 1)
    if (version !== VERSION)
      throw new NacreError(
        'unsupported-version',
        `the sealed answer is version ${version}, known: ${VERSION}`,
      )
    const keys = keysOf((await take(source, NONCE)).slice())
    const { plain, final } = await openChunk(source, keys, 0)
    if (final) throw new NacreError('invalid-seal', 'the answer’s first chunk is its last')
    return { ...decodeHead(plain), body: openBody(source, keys) }
  } catch (error) {
    await source.close()
    throw error
  }
}

async function* openBody(source: ByteSource, keys: AnswerKeys): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (let index = 1; ; index++) {
      const { plain, final } = await openChunk(source, keys, index)
      if (plain.length > 0) yield plain
      if (!final) continue
      const [trailing] = await source.take(1)
      if (trailing === undefined) return
      throw new NacreError('invalid-seal', 'bytes follow the last chunk of the answer')
    }
  } finally {
    await source.close()
  }
}

async function sealChunk(
  { aead, base }: AnswerKeys,
  index: number,
  plain: Uint8Array,
  aad: Uint8Array,
): Promise<Uint8Array> {
  const sealed = new Uint8Array(await aead.seal(nonceOf(base, index), plain, aad))
  return concat(uint32(sealed.length), sealed)
}

async function openChunk(
  source: ByteSource,
  { aead, base }: AnswerKeys,
  index: number,
): Promise<{ plain: Uint8Array; final: boolean }> {
  const [a, b, c, d] = (await take(source, 4)) as unknown as [number, number, number, number]
  const length = a * 2 ** 24 + (b << 16) + (c << 8) + d
  if (length > MAX_CHUNK) throw new NacreError('too-large', `a chunk is longer than ${MAX_CHUNK} bytes`)
  if (length < TAG) throw new NacreError('invalid-seal', `a chunk is shorter than its tag of ${TAG} bytes`)
  const sealed = await take(source, length)
  const nonce = nonceOf(base, index)
  for (const aad of [NOT_FINAL, FINAL]) {
    const plain = await aead.open(nonce, sealed, aad).catch(() => undefined)
    if (plain) return { plain: new Uint8Array(plain), final: aad === FINAL }
  }
  throw new NacreError('invalid-seal', `chunk ${index} of the answer does not open`)
}

/** Exactly so many bytes. */
async function take(source: ByteSource, size: number): Promise<Uint8Array> {
  const bytes = await source.take(size)
  if (bytes.length === size) return bytes
  throw new NacreError('cut-off', 'the sealed answer ends before its last chunk')
}

/** The base nonce with a counter, big-endian, put over its end (RFC 9180, 5.2). */
function nonceOf(base: Uint8Array, index: number): Uint8Array {
  const nonce = base.slice()
  const counter = uint32(index)
  for (let i = 0; i < 4; i++) nonce[8 + i] = (nonce[8 + i] as number) ^ (counter[i] as number)
  return nonce
}

function uint32(value: number): Uint8Array {
  if (value >= 2 ** 32) throw new NacreError('too-large', 'the answer has more than 2^32 chunks')
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}
