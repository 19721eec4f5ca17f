import { fromUtf8, utf8 } from './bytes.ts'
import { NacreError } from './errors.ts'
import { integerOf, objectOf, type Parser, parseJson, textOf } from './shape.ts'

/** Headers that travel inside a sealed answer, where it has them. */
export const SEALED_HEADERS = ['content-type', 'x-nacre-receipt', 'retry-after'] as const

/** Status and headers of an answer; no other headers are known. */
export type AnswerHead = { status: number; headers: SealedHeaders }
export type SealedHeaders = Partial<Record<(typeof SEALED_HEADERS)[number], string>>

/** Longest JSON of a head, bytes. */
export const MAX_HEAD = 8192

const header = textOf(MAX_HEAD)
const parseHead: Parser<AnswerHead> = objectOf<AnswerHead>({
  status: integerOf(200, 599),
  headers: objectOf<object, Required<SealedHeaders>>(
    {},
    { 'content-type': header, 'x-nacre-receipt': header, 'retry-after': header },
  ),
})

/** @throws NacreError too-large, wrong-type, unknown-field */
export function encodeHead(head: AnswerHead): Uint8Array {
  const bytes = utf8(JSON.stringify(parseHead(head, 'head')))
  if (bytes.length > MAX_HEAD) throw new NacreError('too-large', `the head is longer than ${MAX_HEAD} bytes`)
  return bytes
}

/** @throws NacreError too-large, invalid-text, invalid-json, wrong-type, missing-field, unknown-field */
export function decodeHead(bytes: Uint8Array): AnswerHead {
  if (bytes.length > MAX_HEAD) throw new NacreError('too-large', `the head is longer than ${MAX_HEAD} bytes`)
  return parseHead(parseJson(fromUtf8(bytes), MAX_HEAD, 'the head'), 'head')
}
