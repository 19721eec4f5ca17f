import { createReadStream } from 'node:fs'
import { type Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type {
  Batch,
  Dtype,
  EnclaveConfig,
  Hex,
  Identity,
  Origin,
  Parameters,
  Receipt,
  ReservationTerms,
  Usage,
} from '@nacre/verify'
import { messageOf } from '@nacre/verify'
import {
  parseConfig,
  parseIdentity,
  parseParameters,
  parseReceipt,
  parseUsage,
  toJson,
} from '@nacre/verify/bundle'
import { type Evidence, parseEvidence } from '@nacre/verify/evidence'
import { decodeFrame, encodeFrame, maxFrame } from '@nacre/verify/frame'
import { parseBatch } from '@nacre/verify/payment'
import { arrayOf, hexOf, integerOf, objectOf, oneOf, type Parser, textOf } from '@nacre/verify/shape'
import { channelAgent } from './channelAgent.ts'
import { CHANNEL_ERRORS, EnclaveError, type EnclaveErrorCode } from './enclaveErrors.ts'

/** -1 is a dimension that the model leaves free. */
export type TensorType = { dtype: Dtype; dims: number[] }

export type EnclaveIdentity = { identity: Identity; config: EnclaveConfig; engine: string }

/** What an artifact takes or gives that is no tensor: a file as it is. */
export type FileType = { media: (typeof MEDIA)[number] }
const MEDIA = ['image/png', 'application/cbor', 'application/octet-stream'] as const

export type LoadedArtifact = {
  artifact: Hex
  size: number
  input: TensorType | FileType
  output: TensorType | FileType
}

/** A payer's voucher for a job, and the batch that it is counted into. */
export type Payment = {
  balances: Hex
  terms: ReservationTerms
  index: bigint
  maxPrice: bigint
  signature: Hex
  /** Index that the batch begins with. */
  first: bigint
}

export type InferJob = {
  origin: Origin
  artifact: Hex
  input: Uint8Array
  anchor: { number: bigint; hash: Hex }
  maxOutput: number
  usage: { units: bigint; price: bigint; errorPrice: bigint; token: Hex }
  /** 1 to 64 bytes; with it, the answer carries fresh evidence. */
  nonce?: Hex
  /** A voucher, and the batch that the answer is counted into. */
  payment?: Payment
}

export type EnclaveAnswer = {
  receipt: Receipt
  signature: Hex
  output: Hex
  parameters: Parameters
  usage: Usage
  evidence?: Evidence
  settlement?: { batch: Batch; signature: Hex }
}

/** A language model's file, as the enclave is to serve it. */
export type ModelFile = { id: string; artifact: Hex; file: string; size: number }

export type LoadedModel = {
  artifact: Hex
  size: number
  /** `contextLength`: tokens that prompt and completion may have together; `chat`: it has a chat template. */
  model: { id: string; contextLength: number; chat: boolean }
}

/** What answers of language models are bound to and cost: the newest block, and prices a token, decimal strings. */
export type InferenceTerms = {
  anchor: { number: bigint; hash: Hex }
  prices: { token: Hex; prompt: string; completion: string }
}

export type EnclaveClientOptions = {
  /** A new connection to the channel: any byte stream. */
  connect: () => Promise<Duplex>
  /** Deadline of a call, milliseconds; default 30,000. Loading an artifact gets four times as long. */
  timeoutMs?: number
}

/** Every call throws EnclaveError. What comes back is checked in form only: receipts and evidence are verified elsewhere. */
export type EnclaveClient = {
  health(): Promise<void>
  identity(): Promise<EnclaveIdentity>
  attest(nonce: Hex): Promise<Evidence>
  loadArtifact(artifact: Hex, bytes: Uint8Array): Promise<LoadedArtifact>
  infer(job: InferJob): Promise<EnclaveAnswer>
  /** Sends a file of any size, a piece at a time; with a deadline that grows with it. */
  loadModel(model: ModelFile): Promise<LoadedModel>
  setTerms(terms: InferenceTerms): Promise<void>
  /** Closes the connections; calls in flight fail. */
  close(): void
}

type Call = {
  method: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: string | Uint8Array | { file: string; size: number }
  timeoutMs: number
}

/** A link to a machine without KVM takes two megabytes a second; milliseconds a byte. */
const SLOWEST = 1 / 2_000

const ANSWER_LIMITS = { maxJson: 65_536, maxBytes: 16 * 2 ** 20 } as const
const MAX_RESPONSE = maxFrame(ANSWER_LIMITS)

const parseHealth = objectOf<{ ok: true }>({ ok: (value, path) => (value === true ? true : wrong(path)) })
const parseIdentityAnswer = objectOf<EnclaveIdentity>({
  identity: parseIdentity,
  config: parseConfig,
  engine: textOf(128),
})
const parseTensorType = objectOf<TensorType>({
  dtype: oneOf('float32', 'uint8', 'int8', 'int32', 'int64', 'float64'),
  dims: arrayOf(integerOf(-1, 2 ** 24), 8),
})
const parseFileType = objectOf<FileType>({ media: oneOf(...MEDIA) })
const parseArtifactType: Parser<TensorType | FileType> = (value, path) =>
  typeof value === 'object' && value !== null && 'media' in value
    ? parseFileType(value, path)
    : parseTensorType(value, path)
const parseArtifact = objectOf<LoadedArtifact>({
  artifact: hexOf(32),
  size: integerOf(0, 2 ** 32),
  input: parseArtifactType,
  output: parseArtifactType,
})
const booleanOf: Parser<boolean> = (value, path) => (typeof value === 'boolean' ? value : wrong(path))
const parseModel = objectOf<LoadedModel>({
  artifact: hexOf(32),
  size: integerOf(0, 2 ** 53 - 1),
  model: objectOf<LoadedModel['model']>({
    id: textOf(128),
    contextLength: integerOf(1, 2 ** 31),
    chat: booleanOf,
  }),
})
const parseSettlement = objectOf<{ batch: Batch; signature: Hex }>({
  batch: parseBatch,
  signature: hexOf(65),
})
const parseAnswer = objectOf<
  Omit<EnclaveAnswer, 'output' | 'evidence' | 'settlement'>,
  Required<Pick<EnclaveAnswer, 'evidence' | 'settlement'>>
>(
  {
    receipt: parseReceipt,
    signature: hexOf(65),
    parameters: parseParameters,
    usage: parseUsage,
  },
  { evidence: parseEvidence, settlement: parseSettlement },
)
const parseError = objectOf<{ error: Record<'code' | 'message' | 'fix', string> }>({
  error: objectOf<Record<'code' | 'message' | 'fix', string>>({
    code: textOf(64),
    message: textOf(1000),
    fix: textOf(1000),
  }),
})

/** A client of the channel (docs/protocol.md) that keeps its connections open. */
export function createEnclaveClient({ connect, timeoutMs = 30_000 }: EnclaveClientOptions): EnclaveClient {
  const agent = channelAgent(connect)
  const ask = async <T>(read: (body: Buffer) => T, options: Omit<Call, 'timeoutMs'>, factor = 1) =>
    readAnswer(read, await send(agent, { ...options, timeoutMs: timeoutMs * factor }))
  const call = <T>(parse: Parser<T>, options: Omit<Call, 'timeoutMs'>, factor?: number) =>
    ask(body => parse(readJson(body), 'answer'), options, factor)
  const post = (path: string, body: string | Uint8Array) => ({ method: 'POST' as const, path, body })
  return {
    health: async () => void (await call(parseHealth, { method: 'GET', path: '/v1/health' })),
    identity: () => call(parseIdentityAnswer, { method: 'GET', path: '/v1/identity' }),
    attest: async nonce =>
      (
        await call(
          objectOf<{ evidence: Evidence }>({ evidence: parseEvidence }),
          post('/v1/attest', JSON.stringify({ nonce })),
        )
      ).evidence,
    loadArtifact: (artifact, body) =>
      call(
        parseArtifact,
        { method: 'POST', path: '/v1/artifacts', headers: { 'x-artifact': artifact }, body },
        4,
      ),
    loadModel: ({ id, artifact, file, size }) => {
      const headers = { 'x-artifact': artifact, 'x-model': id }
      const body = { file, size }
      return call(
        parseModel,
        { method: 'POST', path: '/v1/artifacts', headers, body },
        4 + (size * SLOWEST) / timeoutMs,
      )
    },
    setTerms: async terms => void (await call(parseHealth, post('/v1/terms', JSON.stringify(toJson(terms))))),
    infer: job => ask(readInferred, post('/v1/infer', frameOf(job))),
    close: () => agent.destroy(),
  }
}

/** Prices are amounts: decimal strings, whatever their size. */
function frameOf({ input, usage, ...job }: InferJob): Uint8Array {
  const price = usage.price.toString()
  const errorPrice = usage.errorPrice.toString()
  const json = JSON.stringify(toJson({ ...job, usage: { ...usage, price, errorPrice } }))
  return encodeFrame({ json: Buffer.from(json), bytes: input })
}

function readInferred(body: Buffer): EnclaveAnswer {
  const { json, bytes } = decodeFrame(body, ANSWER_LIMITS)
  // Node's own encoder: verify's, which runs anywhere, takes ten times as long.
  const output: Hex = `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}`
  return { ...parseAnswer(readJson(json), 'answer'), output }
}

type RawAnswer = { status: number; body: Buffer }

async function send(agent: Agent, call: Call): Promise<RawAnswer> {
  const { method, path, headers, body = '', timeoutMs } = call
  const deadline = AbortSignal.timeout(Math.ceil(timeoutMs))
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  // Node tells a request that it was aborted once it has a connection, and that may be what does not come.
  deadline.addEventListener('abort', () => reject(deadline.reason), { once: true })
  const size = typeof body === 'object' && 'file' in body ? body.size : Buffer.byteLength(body)
  const length = method === 'POST' ? { 'content-length': size } : {}
  const options = { agent, path, method, headers: { ...headers, ...length }, signal: deadline }
  sendBody(request(options, resolve).on('error', reject), body, reject)
  try {
    const response = await promise
    return { status: response.statusCode ?? 0, body: await readBody(response) }
  } catch (cause) {
    if (cause instanceof EnclaveError) throw cause
    if (deadline.aborted)
      throw new EnclaveError('timeout', `no answer to ${path} in ${timeoutMs} ms`, { cause })
    throw new EnclaveError('unreachable', `${path}: ${messageOf(cause)}`, { cause })
  }
}

function sendBody(
  to: ClientRequest,
  body: NonNullable<Call['body']>,
  failed: (error: unknown) => void,
): void {
  if (typeof body === 'object' && 'file' in body) {
    // Of a refusal the answer is what counts: it comes before the connection ends.
    const { file, size } = body
    pipeline(createReadStream(file, { end: size - 1, highWaterMark: 2 ** 18 }), to).catch(failed)
    // Nothing for an empty one: an empty chunk beside the headers does not pass a tunnel of HTTP/2 whole.
  } else to.end(body.length > 0 ? body : undefined)
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_RESPONSE) {
      response.destroy()
      throw new EnclaveError('malformed-response', `an answer of more than ${MAX_RESPONSE} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

function readJson(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
}

function readAnswer<T>(read: (body: Buffer) => T, { status, body }: RawAnswer): T {
  let refusal: { code: string; message: string; fix: string }
  try {
    if (status === 200) return read(body)
    refusal = parseError(readJson(body), 'answer').error
  } catch (cause) {
    throw new EnclaveError('malformed-response', `status ${status}: ${messageOf(cause)}`, { cause })
  }
  if (!Object.hasOwn(CHANNEL_ERRORS, refusal.code)) {
    throw new EnclaveError('malformed-response', `unknown error code ${refusal.code}`)
  }
  throw new EnclaveError(refusal.code as EnclaveErrorCode, refusal.message, { fix: refusal.fix })
}

function wrong(path: string): never {
  throw new EnclaveError('malformed-response', `${path} is not what the protocol says`)
}
