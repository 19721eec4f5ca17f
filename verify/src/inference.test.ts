import { describe, expect, test } from 'vitest'
import { createBundle, NOW, policy } from '../../test/mock-authority/index.ts'
import { receiptEvent, STREAM_END, type StreamPart, splitStream } from './answerStream.ts'
import { fromBase64url, toBase64url } from './base64url.ts'
import { parseBundle, type ReceiptBundle, serializeBundle, toJson } from './bundle.ts'
import { concat, fromHex, fromUtf8, type Hex, utf8 } from './bytes.ts'
import { canonicalJson } from './canonicalJson.ts'
import { NacreError } from './errors.ts'
import {
  answerBundle,
  answerId,
  decodeProof,
  encodeProof,
  type Proof,
  parseAnswerId,
  parseProof,
  parseReport,
  reportsOf,
} from './inference.ts'
import { verifyReceipt } from './verify.ts'

const bundle = createBundle()
const proof = proofOf(bundle)
const head = { id: 'cmpl-1', object: 'text_completion', created: 1, model: 'tales' }
const output = 'data: {"choices":[{"text":"\\"nacre\\""}]}\n\ndata: {"choices":[]}\n\n'
const stream = concat(utf8(output), receiptEvent(head, proof), STREAM_END)

function proofOf({ origin, parameters, receipt, signature, usage }: ReceiptBundle): Proof {
  return { origin, parameters, receipt, signature, usage }
}

function* split(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function partsOf(bytes: Uint8Array, size = bytes.length || 1): Promise<StreamPart[]> {
  const parts: StreamPart[] = []
  for await (const part of splitStream(split(bytes, size))) parts.push(part)
  return parts
}

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'none'
  } catch (error) {
    return error instanceof NacreError ? error.code : String(error)
  }
}

describe('proofs', () => {
  test('come back as they were', () => {
    expect(decodeProof(encodeProof(proof))).toEqual(proof)
  })

  test('with the parts around them they make the bundle that verifies', () => {
    const made = answerBundle({
      request: fromHex(bundle.input),
      output: fromHex(bundle.output),
      proof,
      attestation: bundle,
      release: bundle.release,
    })
    expect(parseBundle(serializeBundle(made))).toEqual(bundle)
    expect(verifyReceipt(made, policy, { time: NOW }).ok).toBe(true)
  })

  const json = canonicalJson(toJson(proof))
  test.each<[string, string]>([
    ['empty', ''],
    ['no base64url', '!'],
    ['padding', `${encodeProof(proof)}=`],
    ['white space', toBase64url(utf8(` ${json}`))],
    ['another order', toBase64url(utf8(JSON.stringify({ usage: 0, ...(toJson(proof) as object) })))],
    ['a field too many', toBase64url(utf8(`${json.slice(0, -1)},"z":1}`))],
    ['no JSON', toBase64url(utf8('{'))],
    ['no UTF-8', toBase64url(Uint8Array.of(0xff))],
    ['too long', toBase64url(utf8(json + ' '.repeat(9000)))],
    ['far too long', 'A'.repeat(100_000)],
  ])('%s is no proof', (_, header) => {
    expect(codeOf(() => decodeProof(header))).toBe('invalid-proof')
  })
})

describe('base64url', () => {
  test.each([
    ['', ''],
    ['f', 'Zg'],
    ['fo', 'Zm8'],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg'],
    ['fooba', 'Zm9vYmE'],
    ['foobar', 'Zm9vYmFy'],
    ['ûï¿', 'w7vDr8K_'],
  ])('%s (RFC 4648, section 10)', (text, encoded) => {
    expect(toBase64url(utf8(text))).toBe(encoded)
    expect(fromUtf8(fromBase64url(encoded))).toBe(text)
  })

  test.each(['A', 'Zh', 'Zm9', 'Zg==', 'Zm9v\n', 'Zm+v', 'é'])('%j is none', text => {
    expect(codeOf(() => fromBase64url(text))).toBe('invalid-text')
  })
})

test('canonical JSON sorts keys by their UTF-16 units, as RFC 8785, 3.2.3', () => {
  const value = {
    ...{ '\u20ac': 'a', '\r': 'b', '\ufb33': 'c', 1: 'd' },
    ...{ '\ud83d\ude00': 'e', '\u0080': 'f', '\u00f6': 'g' },
  }
  expect(canonicalJson(value)).toBe(
    '{"\\r":"b","1":"d","\u0080":"f","\u00f6":"g","\u20ac":"a","\ud83d\ude00":"e","\ufb33":"c"}',
  )
  expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: 1e21 })).toBe(
    '{"a":1e+21,"b":[1,{"c":"x","d":null}]}',
  )
})

describe('ids of answers', () => {
  const requestId = bundle.receipt.requestId
  test('say the enclave and the request', () => {
    const id = answerId('chatcmpl', bundle.identity.receiptKey, requestId)
    const enclave = bundle.identity.receiptKey.slice(2, 10)
    expect(parseAnswerId(id)).toEqual({ kind: 'chatcmpl', enclave, requestId })
  })
  test.each(['', 'chatcmpl-1', `other-01234567-${requestId.slice(2)}`, `cmpl-01234567-${'G'.repeat(64)}`])(
    '%j is none',
    id => {
      expect(parseAnswerId(id)).toBeUndefined()
    },
  )
})

describe('streams', () => {
  test('however they are split, the output comes in whole events, and then the receipt', async () => {
    for (const size of [1, 3, 50, stream.length]) {
      const parts = await partsOf(stream, size)
      expect(parts.map(part => part.type)).toEqual(['output', 'output', 'receipt'])
      expect(concat(...parts.slice(0, -1).map(part => part.bytes))).toEqual(utf8(output))
      expect(parts.at(-1)).toMatchObject({ proof })
      expect(concat(...parts.map(part => part.bytes))).toEqual(stream)
    }
  })

  test('every cut is noticed', async () => {
    for (let length = 0; length < stream.length; length += 7)
      await expect(partsOf(stream.subarray(0, length)), `${length}`).rejects.toMatchObject({
        code: 'cut-off',
      })
  })

  const receipt = receiptEvent(head, proof)
  test.each<[string, Uint8Array, string]>([
    ['no receipt', concat(utf8(output), STREAM_END), 'invalid-proof'],
    ['the receipt twice', concat(receipt, receipt, STREAM_END), 'invalid-proof'],
    ['output behind the receipt', concat(receipt, utf8(output), STREAM_END), 'invalid-proof'],
    ['output behind the end', concat(receipt, STREAM_END, utf8(output)), 'invalid-proof'],
    ['no end', concat(utf8(output), receipt), 'cut-off'],
    ['a receipt that is none', concat(utf8('data: {"nacre":{}}\n\n'), STREAM_END), 'invalid-proof'],
    ['a receipt that is no JSON', concat(utf8('data: {"nacre"\n\n'), STREAM_END), 'invalid-proof'],
    ['an endless event', new Uint8Array(2 ** 20 + 1).fill(0x61), 'too-large'],
  ])('%s', async (_, bytes, code) => {
    await expect(partsOf(bytes)).rejects.toMatchObject({ code })
  })
})

describe('reports', () => {
  const report = toJson({
    ...{ model: 'tales', artifact: bundle.receipt.artifact, engine: 'engine' },
    models: [{ id: 'tales', artifact: bundle.receipt.artifact }],
    ...{ identity: bundle.identity, config: bundle.config, evidence: bundle.evidence },
    ...{ evidenceNonce: bundle.evidenceNonce, release: bundle.release },
    ...{ signing_address: bundle.identity.receiptKey, signing_algo: 'ecdsa' },
  }) as Record<string, unknown>

  test('of an operator, and of a gateway with several', () => {
    expect(parseReport(report, 'report')).toMatchObject({ model: 'tales', identity: bundle.identity })
    expect(reportsOf(report)).toEqual([report])
    expect(reportsOf({ ...report, attestations: [report, 1] })).toEqual([report, 1])
    expect(reportsOf({ attestations: Array(100).fill(report) })).toHaveLength(64)
    expect(reportsOf('no')).toEqual([])
  })

  test.each<[string, object, string]>([
    ['a field too many', { more: 1 }, 'unknown-field'],
    ['a name that is too long', { model: 'm'.repeat(129) }, 'too-large'],
    ['another algorithm', { signing_algo: 'eddsa' }, 'wrong-type'],
    ['a release of nobody', { release: { publisher: '0x00' as Hex, manifest: {} } }, 'wrong-type'],
  ])('%s is refused', (_, change, code) => {
    expect(codeOf(() => parseReport({ ...report, ...change }, 'report'))).toBe(code)
  })
})

test('a proof has exactly its fields', () => {
  const json = toJson(proof) as Record<string, unknown>
  for (const field of Object.keys(json)) {
    const { [field]: _, ...rest } = json
    expect(
      codeOf(() => parseProof(rest, 'proof')),
      field,
    ).toBe('missing-field')
  }
})
