import { concat, fromHex, type Hex, toHex, utf8 } from '@nacre/verify'
import { deriveRecipient, openRequest, type SealBinding, sealRequest } from '@nacre/verify/seal'
import type { AnswerHead } from '@nacre/verify/sealedHead'

/** A sealed request and its answer, hex; `error` is the code with which the request, or else the answer, is refused. */
export type SealedVector = SealBinding & {
  recipientMaterial: Hex
  ephemeralMaterial: Hex
  hpkeKey: Hex
  body: Hex
  request: Hex
  responseNonce: Hex
  head: AnswerHead
  /** The pieces that the answer's body was sealed in. */
  pieces: Hex[]
  answer: Hex
  error?: string
}

const filled = (byte: number, size = 32): Hex => toHex(new Uint8Array(size).fill(byte))

const binding: SealBinding = {
  path: '/v1/chat/completions',
  nonce: filled(0x11),
  receiptKey: filled(0x22, 20),
}
const materials = {
  recipientMaterial: filled(0x33),
  ephemeralMaterial: filled(0x44),
  responseNonce: filled(0x55),
}

/** What each negative changes in the valid vector, and what it is refused with. */
const changes: Record<string, [Partial<SealBinding & Parts>, error: string]> = {
  'request-path': [{ path: '/v1/completions' }, 'invalid-seal'],
  'request-nonce': [{ nonce: filled(0x12) }, 'invalid-seal'],
  'request-receipt-key': [{ receiptKey: filled(0x23, 20) }, 'invalid-seal'],
  'request-version': [{ request: flip(0) }, 'unsupported-version'],
  'request-enc': [{ request: flip(1) }, 'invalid-seal'],
  'request-body': [{ request: flip(40) }, 'invalid-seal'],
  'request-cut': [{ request: bytes => bytes.subarray(0, 48) }, 'invalid-seal'],
  'request-trailing': [{ request: bytes => concat(bytes, Uint8Array.of(0)) }, 'invalid-seal'],
  'answer-empty': [{ answer: bytes => bytes.subarray(0, 0) }, 'cut-off'],
  'answer-version': [{ answer: flip(0) }, 'unsupported-version'],
  'answer-nonce': [{ answer: flip(1) }, 'invalid-seal'],
  'answer-head': [{ answer: flip(40) }, 'invalid-seal'],
  'answer-without-last': [{ answer: chunks(list => list.slice(0, -1)) }, 'cut-off'],
  'answer-cut-in-last': [{ answer: bytes => bytes.subarray(0, -1) }, 'cut-off'],
  'answer-chunk-left-out': [{ answer: chunks(([a, b, , ...rest]) => [a, b, ...rest]) }, 'invalid-seal'],
  'answer-chunk-repeated': [{ answer: chunks(([a, b, ...rest]) => [a, b, b, ...rest]) }, 'invalid-seal'],
  'answer-chunks-swapped': [{ answer: chunks(([a, b, c, ...rest]) => [a, c, b, ...rest]) }, 'invalid-seal'],
  'answer-last-first': [{ answer: chunks(list => list.slice(-1)) }, 'invalid-seal'],
  'answer-trailing': [{ answer: bytes => concat(bytes, Uint8Array.of(0)) }, 'invalid-seal'],
  'answer-chunk-too-long': [{ answer: chunks(([a]) => [a, fromHex('0x00010011')]) }, 'too-large'],
  'answer-chunk-too-short': [{ answer: chunks(([a]) => [a, fromHex('0x0000000f')]) }, 'invalid-seal'],
}
type Change = (bytes: Uint8Array) => Uint8Array
type Parts = { request: Change; answer: Change }

export async function sealedVectors(): Promise<Record<string, SealedVector>> {
  const valid = await vectorOf(['0x', toHex(utf8('{"choices":')), toHex(utf8('[]}'))])
  const negatives = Object.entries(changes).map(([name, [change, error]]) => {
    const { request, answer, ...bound } = change
    const changed = (field: 'request' | 'answer', by?: Change) =>
      by && { [field]: toHex(by(fromHex(valid[field]))) }
    const vector = { ...valid, ...bound, ...changed('request', request), ...changed('answer', answer), error }
    return [`sealed/invalid-${name}.json`, vector]
  })
  return {
    'sealed/answer.json': valid,
    'sealed/empty.json': await vectorOf([]),
    'sealed/chunk-of-64-kib.json': await vectorOf([filled(0x66, 65_537)]),
    ...Object.fromEntries(negatives),
  }
}

async function vectorOf(pieces: Hex[]): Promise<SealedVector> {
  const recipient = await deriveRecipient(fromHex(materials.recipientMaterial))
  const body = utf8('{"model":"tales","prompt":"Once"}')
  const ephemeral = fromHex(materials.ephemeralMaterial)
  const sealed = await sealRequest({ ...binding, hpkeKey: recipient.hpkeKey, body, ephemeral })
  const opened = await openRequest({ ...binding, recipient, sealed: sealed.body })
  const head = { status: 200, headers: { 'content-type': 'application/json' } }
  const parts: Uint8Array[] = []
  const answer = opened.sealAnswer(
    head,
    pieces.map(piece => fromHex(piece)),
    fromHex(materials.responseNonce),
  )
  for await (const part of answer) parts.push(part)
  return {
    ...binding,
    ...materials,
    hpkeKey: recipient.hpkeKey,
    body: toHex(body),
    request: toHex(sealed.body),
    head,
    pieces,
    answer: toHex(concat(...parts)),
  }
}

function flip(at: number): Change {
  return bytes => bytes.map((byte, i) => (i === at ? byte ^ 0x80 : byte))
}

/** Version and response nonce stay; the chunks behind them are what `change` makes of them. */
function chunks(change: (list: Uint8Array[]) => (Uint8Array | undefined)[]): Change {
  return bytes => {
    const list: Uint8Array[] = []
    for (let at = 33; at < bytes.length; ) {
      const size = 4 + new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0)
      list.push(bytes.subarray(at, at + size))
      at += size
    }
    return concat(bytes.subarray(0, 33), ...change(list).map(chunk => chunk ?? new Uint8Array(0)))
  }
}
