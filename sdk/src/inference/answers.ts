import { concatAll, type ReceiptBundle, type Verification } from '@nacre/verify'
import { splitStream } from '@nacre/verify/answerStream'
import { decodeProof, type Proof, RECEIPT_HEADER } from '@nacre/verify/inference'
import type { OpenedAnswer } from '@nacre/verify/sealedAnswer'
import { sdkError } from '../errors.ts'
import type { ExchangedAnswer } from './exchange.ts'
import type { Settings } from './options.ts'
import { type Asked, requireVerified, verifyAnswer } from './receipt.ts'

/** Told of every receipt, before anything is thrown because of it. */
export type OnReceipt = (bundle: ReceiptBundle, verification: Verification) => void

const STREAM = 'text/event-stream'

/**
 * The response that a caller of `fetch` sees, of an answer that was sealed: a body is given when its receipt is verified;
 * a stream as it comes, and its last bytes when its receipt is verified, for it errors otherwise.
 * @throws NacreError of a body: unverified-answer, price-too-high, invalid-proof, cut-off, invalid-seal, too-large
 */
export async function responseOf(
  settings: Settings,
  asked: Asked,
  { opened, leave }: ExchangedAnswer,
  onReceipt: OnReceipt,
): Promise<Response> {
  const { status, headers } = opened
  if (status >= 400)
    return new Response(await wholeOf(opened.body, MAX_ERROR), { status, headers: plain(opened) })
  if (status !== 200) throw sdkError('bad-answer', `The enclave answered with status ${status}.`)
  const check = (output: Uint8Array, proof: Proof): void => {
    const verified = verifyAnswer(settings, asked, output, proof)
    onReceipt(verified.bundle, verified.verification)
    requireVerified(verified)
  }
  const { maxOutput } = asked.enclave.report.config
  if (headers['content-type']?.startsWith(STREAM)) {
    const pieces = verifiedStream(opened.body, maxOutput, check)
    const body = settings.holdBack ? [await wholeOf(pieces, maxOutput + MAX_ERROR)] : pieces
    return new Response(streamOf(body, leave), { status, headers: plain(opened) })
  }
  const output = await wholeOf(opened.body, maxOutput)
  check(output, decodeProof(headers[RECEIPT_HEADER] ?? ''))
  return new Response(output, { status, headers: plain(opened) })
}

/** Longest error, and longest event of a receipt, bytes. */
const MAX_ERROR = 65_536

/** The output as it comes; the receipt's event and the end only once the receipt is verified. */
export async function* verifiedStream(
  body: AsyncGenerator<Uint8Array>,
  maxOutput: number,
  check: (output: Uint8Array, proof: Proof) => void,
): AsyncGenerator<Uint8Array> {
  const output: Uint8Array[] = []
  let size = 0
  for await (const part of splitStream(body)) {
    if (part.type === 'receipt') check(concatAll(output), part.proof)
    else {
      size += part.bytes.length
      if (size > maxOutput) throw tooLong(maxOutput)
      output.push(part.bytes)
    }
    yield part.bytes
  }
}

/** Pulled a piece at a time, so that a slow reader slows the sender; who leaves it ends the call. */
function streamOf(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  leave: () => void,
): ReadableStream<Uint8Array> {
  const iterator = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]()
  return new ReadableStream({
    async pull(controller) {
      const next = await iterator.next()
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
    async cancel() {
      // Otherwise it would wait for the piece that is being waited for, and that may never come.
      leave()
      await iterator.return?.()
    },
  })
}

async function wholeOf(
  pieces: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const piece of pieces) {
    size += piece.length
    if (size > maxBytes) throw tooLong(maxBytes)
    parts.push(piece)
  }
  return concatAll(parts) as Uint8Array<ArrayBuffer>
}

function plain({ headers }: OpenedAnswer): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
}

function tooLong(maxBytes: number): Error {
  return sdkError('bad-answer', `The answer is longer than the ${maxBytes} bytes of the configuration.`)
}
