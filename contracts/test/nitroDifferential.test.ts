import { type Verdict, type VerdictCode, verifyNitro } from '@nacre/verify'
import { decodeSign1, ES384 } from '@nacre/verify/attest/cose'
import { AWS_NITRO_ROOT } from '@nacre/verify/attest/nitro'
import { decodeNitroDocument } from '@nacre/verify/attest/nitroDocument'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nodeCrypto } from '../../cli/src/nodeCrypto.ts'
import type { NitroOptions } from '../../test/mock-authority/index.ts'
import { authority, BROKEN_CASES, DEBUG_CASES, TIME, VALID_CASES } from '../../verify/test/nitro/index.ts'
import { realEvidence, secondsOf, told } from '../../verify/test/realEvidence.ts'
import {
  encodeHints,
  hintsOf,
  type NitroChain,
  outcomeOf,
  send,
  startNitroChain,
  verifyCall,
} from './utils/nitro.ts'

/** NitroVerifier against @nacre/verify: the same documents, the same time, the same verdict, for the same reason. */
let chain: NitroChain
let verifier: `0x${string}`
let valid: Uint8Array[]

beforeAll(async () => {
  chain = await startNitroChain(TIME)
  verifier = await chain.deploy(`0x${authority.pin}`)
  valid = hintsOf(authority.issue({ time: TIME }))!
})
afterAll(() => chain?.stop())

const bytes32 = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
/** So that a valid document is one that registers. */
const registrable = { time: TIME, userData: bytes32(1), nonce: bytes32(2) }

/** Which of the contract's errors mean which verdict. A document that is not as CBOR or DER is malformed. */
const MEANING: Record<string, VerdictCode[]> = {
  EvidenceTooLarge: ['too-large'],
  PayloadTooLarge: ['too-large'],
  SignatureSize: ['malformed'],
  WrongRoot: ['untrusted-root'],
  NotAuthority: ['broken-chain'],
  IsAuthority: ['broken-chain'],
  MayNotSign: ['broken-chain'],
  PathTooLong: ['broken-chain'],
  WrongIssuer: ['broken-chain'],
  // Off chain, a key or a signature of another kind is read, and verifies nothing.
  UnsupportedAlgorithm: ['malformed', 'broken-chain'],
  UnsupportedKey: ['malformed', 'broken-chain', 'bad-signature'],
  CertificateExpired: ['expired'],
  CertificateNotYetValid: ['not-yet-valid'],
  OutsideValidity: ['wrong-binding'],
  // Of P384: a certificate's signature, or the document's.
  NotProven: ['broken-chain', 'bad-signature'],
  OutOfRange: ['broken-chain', 'bad-signature'],
  HintLength: ['broken-chain', 'bad-signature'],
  InvalidSchedule: ['broken-chain', 'bad-signature'],
  ModulusNotPrime: ['broken-chain', 'bad-signature'],
}
const MALFORMED =
  /^(Cbor|Der|X509)|^(ProtectedHeader|NotSign1|UnprotectedHeader|TrailingBytes|FieldCount|UnknownField|RepeatedField|MissingField|FieldSize|EndlessMap|InvalidModuleId|UnknownDigest|ZeroTimestamp|RegisterCount|RegisterIndex|RegisterSize|CabundleSize)$/

function expectAgreement(evidence: Uint8Array, verdict: Verdict, outcome: string): void {
  if (!verdict.ok) {
    const meaning = MEANING[outcome] ?? (MALFORMED.test(outcome) ? ['malformed'] : [])
    expect(meaning, `${outcome} is not ${verdict.code}`).toContain(verdict.code)
  } else expect([outcome]).toEqual([wantedOf(evidence, verdict)])
}

/** What a registration needs of an authentic document, in the contract's order. */
function wantedOf(evidence: Uint8Array, { debug, measurements }: Verdict): string {
  if (debug) {
    const first = [0, 1, 2].find(index => /^0*$/.test(measurements[`pcr${index}`] ?? ''))
    return measurements[`pcr${first}`] === undefined ? 'RegisterMissing' : 'ZeroRegister'
  }
  const { userData, nonce } = decodeNitroDocument(decodeSign1(evidence, evidence.length, ES384).payload)
  if (userData?.length !== 32) return 'UserDataSize'
  return nonce?.length === 32 ? 'accepted' : 'NonceSize'
}

function judge(evidence: Uint8Array, time: bigint, root: string): Verdict {
  return verifyNitro(evidence, null, time, { version: 1, roots: [root], debug: true }, nodeCrypto)
}

async function compare(options: Partial<NitroOptions>) {
  const evidence = authority.issue({ ...registrable, ...options })
  const hints = encodeHints(hintsOf(evidence) ?? valid)
  const outcome = await outcomeOf(chain, verifier, verifyCall(evidence, hints), TIME)
  return { evidence, verdict: judge(evidence, TIME, authority.pin), outcome }
}

describe('documents of an authority of the test’s own', () => {
  test.each([...VALID_CASES, ...DEBUG_CASES])('%s', async (_, options) => {
    const { evidence, verdict, outcome } = await compare(options)
    expect(verdict.ok, verdict.code).toBe(true)
    expectAgreement(evidence, verdict, outcome)
  })

  test.each(BROKEN_CASES)('%s', async (name, options, code) => {
    const { evidence, verdict, outcome } = await compare(options)
    expect(verdict.code).toBe(code)
    // How far a document's clock may be ahead of the block's is a rule of the registry's (EvidenceFromFuture).
    if (name === 'made later than now') expect(outcome).toBe('accepted')
    else expectAgreement(evidence, verdict, outcome)
  })

  test('each byte changed', async () => {
    const evidence = authority.issue(registrable)
    const hints = encodeHints(hintsOf(evidence)!)
    for (let at = 0; at < evidence.length; at += 41) {
      const broken = evidence.with(at, (evidence[at] as number) ^ (1 << (at % 8)))
      expect(judge(broken, TIME, authority.pin).ok).toBe(false)
      const outcome = await outcomeOf(chain, verifier, verifyCall(broken, hints), TIME)
      expect(outcome, `at ${at}`).not.toBe('accepted')
    }
  })
})

describe('certificates that are kept', () => {
  test('hold no longer than each of the path above them', async () => {
    const instance = { notBefore: TIME - 1n, notAfter: TIME + 3600n }
    const evidence = authority.issue({ ...registrable, certificates: { instance } })
    const hints = hintsOf(evidence)!
    const keeper = await chain.deploy(`0x${authority.pin}`)
    await send(chain, keeper, verifyCall(evidence, encodeHints(hints)))
    const rest = encodeHints(hints.map((hint, i) => (i < hints.length - 1 ? new Uint8Array(0) : hint)))
    for (const time of [-3n, -2n, -1n, 0n, 3600n, 3601n, 10_800n, 10_801n].map(after => TIME + after)) {
      const verdict = judge(evidence, time, authority.pin)
      const outcome = await outcomeOf(chain, keeper, verifyCall(evidence, rest), time)
      if (time === TIME - 1n) expect([verdict.code, outcome]).toEqual(['ok', 'accepted'])
      expectAgreement(evidence, verdict, outcome)
    }
  })
})

const documents = realEvidence('nitro').filter(({ file }) => file.endsWith('.bin'))
const source = documents.find(({ expect }) => expect.suggested_verification_time)

describe(`documents of AWS’s (${told(documents)})`, () => {
  test('each at its time, and those of a validity that is known at its edges and beyond', async () => {
    const aws = await chain.deploy(`0x${AWS_NITRO_ROOT}`)
    for (const { file, expect: wanted, bytes } of documents) {
      const usual = secondsOf(
        wanted.suggested_verification_time ?? source?.expect.suggested_verification_time,
      )
      const [from, to] = (wanted.valid_between ?? []).map(secondsOf)
      const times = from === undefined ? [usual] : [usual, from - 1n, from, to, to + 1n]
      const hints = encodeHints(hintsOf(bytes) ?? valid)
      for (const time of times) {
        const outcome = await outcomeOf(chain, aws, verifyCall(bytes, hints), time)
        const verdict = judge(bytes, time, AWS_NITRO_ROOT)
        const isOfLater =
          verdict.checks.some(({ name, ok }) => name === 'document-time' && !ok) &&
          verdict.code === 'not-yet-valid'
        if (!isOfLater) expectAgreement(bytes, verdict, outcome)
        expect(outcome === 'WrongRoot', `${file}: its root is AWS’s`).toBe(false)
      }
    }
  })
})
