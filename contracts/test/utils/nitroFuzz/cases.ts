import { concat, fromHex, sha256 } from '@nacre/verify'
import { decodeSign1, ES384, sign1Message } from '@nacre/verify/attest/cose'
import { readAll, readOne } from '@nacre/verify/attest/der'
import { decodeNitroDocument } from '@nacre/verify/attest/nitroDocument'
import { mutate, type Random } from '../../../../test/fuzz/mutate.ts'
import { bitString, integer, sequence } from '../../../../test/mock-authority/der.ts'
import { createNitroAuthority, createSigner, type Signer } from '../../../../test/mock-authority/index.ts'
import {
  arrayNode,
  bytesNode,
  type CborNode,
  encodeNode,
  mapNode,
  mutateCbor,
  NULL,
  textNode,
  uintNode,
} from './cborTree.ts'
import {
  ALGORITHM,
  algorithmIn,
  KEY,
  mutateSignature,
  mutateSigned,
  pointOf,
  withPart,
} from './certificates.ts'
import type { Scheme } from './scheme.ts'

/** Evidence that was changed at one place, and everything below that place signed again. */
export type FuzzCase = { what: string; evidence: Uint8Array; root: string }

const LINKS = ['root', 'regional', 'zonal', 'instance', 'leaf'] as const
const LEAF = 4

/** Seconds: of the document; it is judged a minute later. */
export const ISSUED = 1_790_000_000n
const LEAF_TIMES = [-4n, -3n, 0n, 65n, 66n, 10_800n, 10_801n]

const SEED = 'nitro fuzz'
const ECDSA_SHA256 = sequence(fromHex('0x06082a8648ce3d040302'))
const P256 = sequence(fromHex('0x06072a8648ce3d0201'), fromHex('0x06082a8648ce3d030107'))
const P256_INFO = sequence(P256, bitString(createSigner('p256', SEED).publicKey))
const signers: Signer[] = LINKS.map(link => createSigner('p384', `${SEED} ${link}`))
const base: Uint8Array[] = certificatesOf(createNitroAuthority(SEED).issue({ time: ISSUED }))
/** SHA-256 of the root, hex. */
export const ROOT: string = sha256(base[0]!).slice(2)

function certificatesOf(evidence: Uint8Array): Uint8Array[] {
  const { cabundle, certificate } = decodeNitroDocument(decodeSign1(evidence, evidence.length, ES384).payload)
  return [...cabundle, certificate]
}

/** The chain with a root whose signature, which says nothing, is these two numbers. */
export function withRootSignature(scheme: Scheme, ...numbers: Uint8Array[]): FuzzCase {
  const [signed, algorithm] = readAll(readOne(base[0]!, 0x30)).map(({ bytes }) => bytes)
  const root = sequence(signed!, algorithm!, bitString(sequence(...numbers.map(integer))))
  const chain = reissue([root, ...base.slice(1)], scheme, () => undefined)
  const what = `root signed with ${numbers.map(({ length }) => length)} bytes`
  return { ...ofChain(what, chain, scheme), root: sha256(root).slice(2) }
}

export function createCase(random: Random, scheme: Scheme): FuzzCase {
  const kind = random.below(20)
  if (kind < 12) return mutatedCertificate(random, scheme)
  if (random.below(40) === 0) return anotherCurve(random, scheme)
  const chain = reissue(base, scheme, () => undefined)
  if (kind < 13) return { ...ofChain(...mutatedChain(chain, random), scheme), root: ROOT }
  const tree = payloadOf(chain, random)
  if (kind < 19) {
    const what = mutatedPayload(tree, random)
    const payload = encodeNode(tree)
    const bytes = random.below(12) === 0 ? mutate(payload, random, payload) : payload
    return { what: `payload ${what}`, evidence: signed(bytes, chain, scheme, random), root: ROOT }
  }
  return { what: 'envelope', evidence: signed(encodeNode(tree), chain, scheme, random, true), root: ROOT }
}

/** A certificate changed and signed, and those below it signed by its key. */
function mutatedCertificate(random: Random, scheme: Scheme): FuzzCase {
  const at = random.below(12) === 0 ? 0 : 1 + random.below(4)
  let what = ''
  let chain = reissue(base, scheme, (part, link) => {
    if (link !== at || random.below(5) === 0) return
    const changed = mutateSigned(part, random, ISSUED)
    what = changed.what
    return changed.signed
  })
  if (what === '') {
    const changed = mutateSignature(chain[at]!, random)
    what = `signature ${changed.what}`
    chain = chain.with(at, changed.certificate)
  }
  const { evidence } = ofChain(what, chain, scheme)
  return { what: `${LINKS[at]} ${what}`, evidence, root: sha256(chain[0]!).slice(2) }
}

/** An authority on P-256, whose signatures are ES256: no certificate of AWS Nitro's is. */
function anotherCurve(random: Random, scheme: Scheme): FuzzCase {
  const at = random.below(LEAF)
  const chain = reissue(base, scheme, (part, link) => {
    if (link === at) return withPart(part, KEY, P256_INFO)
    return link === at + 1 ? withPart(part, ALGORITHM, ECDSA_SHA256) : undefined
  })
  const root = sha256(chain[0]!).slice(2)
  return { ...ofChain(`${LINKS[at]} on P-256`, chain, scheme), root }
}

function ofChain(what: string, chain: Uint8Array[], scheme: Scheme): Omit<FuzzCase, 'root'> {
  return { what, evidence: documentOf(chain, scheme) }
}

/** A document that registers, signed by the last certificate's key. */
export function documentOf(chain: readonly Uint8Array[], scheme: Scheme): Uint8Array {
  return signed(encodeNode(payloadOf(chain)), chain, scheme)
}

type ChangeSigned = (signed: Uint8Array, link: number) => Uint8Array | undefined

/** The chain with some of what is signed changed. */
function reissue(chain: readonly Uint8Array[], scheme: Scheme, change: ChangeSigned): Uint8Array[] {
  const issued: Uint8Array[] = []
  let point: Uint8Array | undefined
  for (const [link, certificate] of chain.entries()) {
    const before = readAll(readOne(certificate, 0x30))[0]!.bytes
    const changed = change(before, link)
    const part = changed ?? before
    const issuer = Math.max(0, link - 1)
    point ??= signers[0]!.publicKey
    const signature = scheme.sign(part, signers[issuer]!, point)
    const half = signature.length / 2
    const numbers = sequence(integer(signature.subarray(0, half)), integer(signature.subarray(half)))
    // A root's signature says nothing: without a change it stays, and so the root that is trusted.
    const isKept = link === 0 && !changed
    issued.push(isKept ? certificate : sequence(part, algorithmIn(part), bitString(numbers)))
    point = pointOf(part) ?? signers[link]!.publicKey
  }
  return issued
}

/** Certificates left out, repeated, in another order. */
function mutatedChain(chain: Uint8Array[], random: Random): [string, Uint8Array[]] {
  const [from, to] = [random.below(chain.length), random.below(chain.length)]
  const without = chain.filter((_, i) => i !== from)
  const what = random.pick(['left out', 'twice', 'moved', 'cut', 'twice the chain'])
  if (what === 'left out') return [`certificate ${from} left out`, without]
  if (what === 'twice') return [`certificate ${from} twice`, chain.toSpliced(to, 0, chain[from]!)]
  if (what === 'moved') return [`certificate ${from} at ${to}`, without.toSpliced(to, 0, chain[from]!)]
  if (what === 'cut') return [`${from} certificates`, chain.slice(0, from + 1)]
  return ['more certificates', [...chain.slice(0, LEAF), ...chain.slice(0, from), chain[LEAF]!]]
}

/** As AWS has it, with all that a registration needs. */
function payloadOf(chain: readonly Uint8Array[], random?: Random): CborNode {
  const registers = Array.from({ length: 16 }, (_, i): [CborNode, CborNode] => [
    uintNode(BigInt(i)),
    bytesNode(new Uint8Array(48).fill(i < 3 ? 0xa0 + i : 0)),
  ])
  const map = mapNode([
    [textNode('module_id'), textNode('i-0mock-enc0mock')],
    [textNode('digest'), textNode('SHA384')],
    [textNode('timestamp'), uintNode(ISSUED * 1000n)],
    [textNode('pcrs'), mapNode(registers)],
    [textNode('certificate'), bytesNode(chain.at(-1) ?? new Uint8Array(0))],
    [textNode('cabundle'), arrayNode(chain.slice(0, -1).map(bytesNode))],
    [textNode('public_key'), NULL],
    [textNode('user_data'), bytesNode(new Uint8Array(32).fill(1))],
    [textNode('nonce'), bytesNode(new Uint8Array(32).fill(2))],
  ])
  if (random?.below(2) === 0) map.form = -1
  return map
}

function mutatedPayload(tree: CborNode, random: Random): string {
  const { items } = tree
  if (random.below(10) === 0) {
    const time = (ISSUED + random.pick(LEAF_TIMES)) * 1000n + random.pick([0n, 1n, 999n])
    items![5] = uintNode(time)
    return `time ${time}`
  }
  if (random.below(8) === 0) return mutateCbor([tree], random)
  // The nine entries evenly, however much is in them.
  const entry = items!.slice()
  const at = 2 * random.below(9)
  const pair = entry.slice(at, at + 2)
  const what = mutateCbor(pair, random)
  tree.items = [...entry.slice(0, at), ...pair, ...entry.slice(at + 2)]
  return `entry ${at / 2} ${what}`
}

function signed(
  payload: Uint8Array,
  chain: readonly Uint8Array[],
  scheme: Scheme,
  random?: Random,
  isEnvelopeChanged = false,
): Uint8Array {
  const point = pointOf(signedPartOf(chain.at(-1))) ?? signers[LEAF]!.publicKey
  const signature = scheme.sign(sign1Message(payload, ES384), signers[LEAF]!, point)
  const envelope = arrayNode([bytesNode(ES384.header), mapNode([]), bytesNode(payload), bytesNode(signature)])
  const tree = [envelope]
  if (random && isEnvelopeChanged) mutateCbor(tree, random)
  return concat(...tree.map(encodeNode))
}

function signedPartOf(certificate: Uint8Array | undefined): Uint8Array {
  try {
    return readAll(readOne(certificate ?? new Uint8Array(0), 0x30))[0]!.bytes
  } catch {
    return new Uint8Array(0)
  }
}
