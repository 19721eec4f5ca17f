import { concat, type Hex, sha256, toHex } from '@nacre/verify'
import { readAll, readOne } from '@nacre/verify/attest/der'
import { keccak256 } from '@nacre/verify/hash'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRandom, type Random } from '../../test/fuzz/mutate.ts'
import { bitString, integer, sequence } from '../../test/mock-authority/der.ts'
import { createSigner, issueX509, type X509Fields } from '../../test/mock-authority/index.ts'
import { encodeHints, type NitroChain, startNitroChain } from './utils/nitro.ts'
import { documentOf, ISSUED } from './utils/nitroFuzz/cases.ts'
import { algorithmIn } from './utils/nitroFuzz/certificates.ts'
import { type Call, judge, judgementOf, simulate } from './utils/nitroFuzz/compare.ts'
import { STAMP_CURVE, STAMP_HASH, stampScheme } from './utils/nitroFuzz/scheme.ts'

/**
 * What NitroVerifier keeps, against a model of it: random chains of a few certificates are kept, verified and revoked
 * while time passes, and what is kept must never change a verdict. All authorities have one name and one key, so that
 * each of them issued each other and each leaf: one certificate is in many chains, at many depths.
 */
const LONG = process.env.NACRE_LONG === '1'
const RUNS = LONG ? 300 : 12
const STEPS = 60
const SEED = Number(process.env.NACRE_SEED ?? 1)
const START = ISSUED + 100n

const signer = createSigner('p384', 'kept')
const FIELDS = { issuer: 'one', subject: 'one', authority: true, keyUsage: 0x06 } as const

type Certificate = { der: Uint8Array; signed: Uint8Array; fields: X509Fields }

function certificate(serial: number, fields: Partial<X509Fields>): Certificate {
  const life = { notBefore: ISSUED - 1000n, notAfter: ISSUED + 100_000n }
  const all = { serial, ...FIELDS, ...life, ...fields }
  const signed = readAll(readOne(issueX509(all, signer, signer), 0x30))[0]!.bytes
  const stamp = stampScheme.sign(signed, signer, signer.publicKey)
  const numbers = sequence(integer(stamp.subarray(0, 48)), integer(stamp.subarray(48)))
  return { der: sequence(signed, algorithmIn(signed), bitString(numbers)), signed, fields: all }
}

const root = certificate(1, {})
const PIN = sha256(root.der)
const LEAF = { subject: 'leaf', authority: false, keyUsage: 0x80 }
const authorities = [
  certificate(2, {}),
  certificate(11, {}),
  certificate(12, {}),
  certificate(3, { pathLength: 3 }),
  certificate(4, { pathLength: 1 }),
  certificate(5, { pathLength: 0 }),
  certificate(6, { notAfter: START + 300n }),
  certificate(7, { notBefore: START + 300n }),
]
const leaves = [
  certificate(8, LEAF),
  certificate(9, { ...LEAF, notAfter: START + 400n }),
  certificate(10, { ...LEAF, notBefore: ISSUED - 5n }),
]
const everything = [root, ...authorities, ...leaves]

let chain: NitroChain
let verifier: Hex

beforeAll(async () => {
  chain = await startNitroChain(ISSUED)
  const parts = { curve: await chain.place(STAMP_CURVE), hasher: await chain.place(STAMP_HASH) }
  verifier = await chain.deploy(PIN, undefined, parts)
})
afterAll(() => chain?.stop())

/** The model: what is kept, what is revoked, and chains that held. */
type Model = { kept: Set<Hex>; revoked: Set<Hex>; paths: Certificate[][] }
type Step = { time: bigint; calls: Call[]; expected: boolean[]; what: string }

function step(model: Model, time: bigint, random: Random): Step {
  if (random.below(25) === 0) return revoke(model, time, random)
  const path = pathOf(model, random)
  const isDocument = random.below(3) > 0
  const ids = idsOf(path)
  // All, a few, or none of them.
  const least = random.below(3)
  const isHinted = path.slice(1).map(() => random.below(3) >= least)
  const isProven = path.slice(1).every((_, i) => isHinted[i] || model.kept.has(ids[i + 1]!))
  const last = path.at(-1)!
  const holds =
    isProven &&
    path[0] === root &&
    path.length > 1 &&
    (!isDocument || !last.fields.authority) &&
    path.every(one => !model.revoked.has(hash(one.signed))) &&
    isChain(path, time)
  if (holds) {
    for (const id of ids.slice(1)) model.kept.add(id)
    model.paths.push(path)
  }
  const hints = isHinted.map(is => new Uint8Array(is ? 64 : 0))
  const ders = path.map(({ der }) => der)
  const evidence = documentOf(ders, stampScheme)
  const call: Call = isDocument
    ? { functionName: 'verify', args: [toHex(evidence), toHex(encodeHints([...hints, new Uint8Array(64)]))] }
    : { functionName: 'cacheCertificates', args: [ders.map(toHex), toHex(encodeHints(hints))] }
  if (isDocument && holds)
    expect(judge({ evidence, root: PIN.slice(2), what: '' }, time, stampScheme).accepted).toBe(true)
  return {
    time,
    calls: [call, ...ids.slice(1).map(id => ({ functionName: 'isCached', args: [id] }))],
    expected: [holds, ...ids.slice(1).map(id => model.kept.has(id))],
    what: `${call.functionName} ${path.map(({ fields }) => fields.serial)} hints ${isHinted.map(Number)}`,
  }
}

function revoke({ revoked }: Model, time: bigint, random: Random): Step {
  const { signed, fields } = random.pick(everything.slice(random.below(30) === 0 ? 0 : 1))
  const name = hash(signed)
  const isNew = !revoked.has(name)
  revoked.add(name)
  const call = { functionName: 'revoke', args: [name] }
  return { time, calls: [call], expected: [isNew], what: `revoke ${fields.serial}` }
}

/** One that held, or another: the root, up to four authorities, mostly a leaf. */
function pathOf({ paths }: Model, random: Random): Certificate[] {
  if (paths.length > 0 && random.below(2) === 0) {
    const known = random.pick(paths)
    return random.below(2) === 0 ? shortened(known, random) : known
  }
  const between = Array.from({ length: random.below(5) }, () => random.pick(authorities))
  const path = [root, ...between]
  if (random.below(4) > 0) path.push(random.pick(leaves))
  if (random.below(20) === 0) path.push(random.pick(authorities))
  return path
}

/** The upper part of a path replaced by the 64 bytes whose hash is the identifier of its end. */
function shortened(path: Certificate[], random: Random): Certificate[] {
  if (path.length < 3) return path
  const depth = 1 + random.below(path.length - 2)
  const der = concat(bytesOf(idsOf(path)[depth - 1]!), bytesOf(hash(path[depth]!.der)))
  return [{ ...root, der }, ...path.slice(depth + 1)]
}

/** RFC 5280, 6.1, of certificates that have one name. */
function isChain(path: Certificate[], time: bigint): boolean {
  return path.every(({ fields }, i) => {
    const { notBefore, notAfter, authority, pathLength = 99 } = fields
    const isValid = notBefore <= time && time <= notAfter
    if (i === path.length - 1) return isValid
    const below = path.slice(i + 1).filter(one => one.fields.authority).length
    return isValid && authority && below <= pathLength
  })
}

function idsOf(path: Certificate[]): Hex[] {
  const ids = [hash(path[0]!.der)]
  for (const { der } of path.slice(1)) ids.push(hash(concat(bytesOf(ids.at(-1)!), bytesOf(hash(der)))))
  return ids
}

test(`${RUNS} histories of ${STEPS} steps: what is kept changes no verdict`, async () => {
  let accepted = 0
  for (let run = SEED; run < SEED + RUNS; run++) {
    const random = createRandom(run)
    const model: Model = { kept: new Set(), revoked: new Set(), paths: [] }
    let time = START
    const steps = Array.from({ length: STEPS }, () => {
      time += BigInt(1 + random.below(15))
      return step(model, time, random)
    })
    const results = await simulate(chain.client, verifier, steps)
    for (const [i, { expected, what }] of steps.entries()) {
      const actual = results[i]!.map(({ status, returnData }, j) =>
        j === 0 ? status === '0x1' : BigInt(returnData) === 1n,
      )
      const told = steps
        .slice(0, i + 1)
        .map(one => one.what)
        .join('\n')
      expect(actual, `run ${run}, step ${i}: ${judgementOfFirst(results[i]!)}\n${told}`).toEqual(expected)
      if (what.startsWith('verify') && expected[0]) accepted++
    }
  }
  expect(accepted).toBeGreaterThan(RUNS * 3)
})

function judgementOfFirst([first]: Parameters<typeof judgementOf>[0][]): string {
  return first!.status === '0x1' ? 'done' : judgementOf(first!).detail
}

function hash(bytes: Uint8Array): Hex {
  return keccak256(bytes)
}

function bytesOf(hex: Hex): Uint8Array {
  return new Uint8Array(Buffer.from(hex.slice(2), 'hex'))
}
