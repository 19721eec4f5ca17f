import { type Hex, MAX_INDEX, messageOf, type Origin, type ReservationTerms } from '@nacre/verify'
import { parseOrigin } from '@nacre/verify/bundle'
import { decodeFrame, type Frame } from '@nacre/verify/frame'
import { parseTerms } from '@nacre/verify/payment'
import { amountOf, countOf, hexOf, integerOf, objectOf, type Parser } from '@nacre/verify/shape'
import { ChannelError } from './errors.ts'
import { JOB_LIMITS } from './limits.ts'

/** A voucher for this job and where it is counted in; what else it covers is the job's own. */
export type Payment = {
  balances: Hex
  terms: ReservationTerms
  index: bigint
  maxPrice: bigint
  signature: Hex
  /** Index that the batch begins with: this voucher's for a new one. */
  first: bigint
}

/** What the host asks to be answered. Everything in it but the origin's form is the host's word. */
export type Job = {
  origin: Origin
  artifact: Hex
  input: Uint8Array
  anchor: { number: bigint; hash: Hex }
  /** Longest output the request accepts, bytes. */
  maxOutput: number
  usage: { units: bigint; price: bigint; errorPrice: bigint; token: Hex }
  /** With it, the answer carries fresh evidence. */
  nonce?: Hex
  payment?: Payment
}

type JobFields = Omit<Job, 'input' | 'nonce' | 'payment'>

/** Nonce of the evidence, 1 to 64 bytes. */
const parseNonce: Parser<Hex> = (value, path) => {
  const nonce = hexOf({ max: 64 })(value, path)
  if (nonce === '0x') throw new ChannelError('malformed-job', `${path} is empty`)
  return nonce
}

const parseIndex: Parser<bigint> = (value, path) => BigInt(integerOf(0, Number(MAX_INDEX))(value, path))

const parsePayment = objectOf<Payment>({
  balances: hexOf(20),
  terms: parseTerms,
  index: parseIndex,
  maxPrice: amountOf(256),
  signature: hexOf(65),
  first: parseIndex,
})

const parseJob = objectOf<JobFields, { nonce: Hex; payment: Payment }>(
  {
    origin: parseOrigin,
    artifact: hexOf(32),
    anchor: objectOf<Job['anchor']>({ number: countOf(64), hash: hexOf(32) }),
    maxOutput: integerOf(0, 2 ** 32 - 1),
    usage: objectOf<Job['usage']>({
      units: countOf(64),
      price: amountOf(256),
      errorPrice: amountOf(256),
      token: hexOf(20),
    }),
  },
  { nonce: parseNonce, payment: parsePayment },
)

const parseAttest = objectOf<{ nonce: Hex }>({ nonce: parseNonce })

const parseFrame: Parser<Frame> = frame => decodeFrame(frame as Uint8Array, JOB_LIMITS)

/** The job of a frame; its input is a view of the frame. @throws ChannelError malformed-json, malformed-job */
export function readJob(frame: Uint8Array): Job {
  const { json, bytes } = read(parseFrame, frame, 'frame')
  return { ...read(parseJob, readJson(json), 'job'), input: bytes }
}

/** @throws ChannelError malformed-json, malformed-job */
export function readAttest(json: Uint8Array): { nonce: Hex } {
  return read(parseAttest, readJson(json), 'attest')
}

/** @throws ChannelError malformed-job */
export function readArtifactHeader(header: unknown): Hex {
  return read(hexOf(32), header, 'x-artifact')
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new ChannelError('malformed-json', 'the body is not JSON', cause)
  }
}

function read<T>(parse: Parser<T>, value: unknown, name: string): T {
  try {
    return parse(value, name)
  } catch (cause) {
    throw new ChannelError('malformed-job', messageOf(cause), cause)
  }
}
