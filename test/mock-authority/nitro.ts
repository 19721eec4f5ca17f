import { type CborMap, type CborValue, concat, encodeCbor, sha256 } from '@nacre/verify'
import { ES384, encodeSign1, sign1Message } from '@nacre/verify/attest/cose'
import { createSigner, issueX509, type Signer, signRaw, type X509Fields } from './x509.ts'

const LINKS = ['root', 'regional', 'zonal', 'instance', 'leaf'] as const
type Link = (typeof LINKS)[number]

export type NitroOptions = {
  /** Seconds: the document's time, at which all certificates are valid. */
  time: bigint
  /** By index; 0 to 15 are zero where they are not given. */
  pcrs?: Record<number, Uint8Array>
  publicKey?: Uint8Array | null
  userData?: Uint8Array | null
  nonce?: Uint8Array | null
  /** Since November 2025 AWS writes the payload's map with an indefinite length. */
  indefinite?: boolean
  /** What to break in a certificate, whom to let sign it, and what to do to the chain. */
  certificates?: Partial<Record<Link, Partial<X509Fields>>>
  signers?: Partial<Record<Link | 'document', Signer>>
  chain?: (cabundle: Uint8Array[]) => Uint8Array[]
  /** What to break in the payload's map, the payload's bytes, the signature, or all of it. */
  map?: (map: CborMap) => void
  payload?: (payload: Uint8Array) => Uint8Array
  signature?: (signature: Uint8Array) => Uint8Array
  document?: (document: Uint8Array) => Uint8Array
}

/** A hypervisor of AWS's, its certificates and all, under a root of its own. */
export type NitroAuthority = {
  /** SHA-256 of the root certificate, hex: a policy names it. */
  pin: string
  issue(options: NitroOptions): Uint8Array
}

const DAY = 86_400n
/** As AWS's: from how long before the document to how long after it, and how many authorities below. */
const FIELDS: Record<
  Link,
  Pick<X509Fields, 'authority' | 'keyUsage' | 'pathLength'> & { life: [bigint, bigint] }
> = {
  root: { life: [365n * DAY, 3650n * DAY], authority: true, keyUsage: 0x86 },
  regional: { life: [3n * DAY, 17n * DAY], authority: true, keyUsage: 0x86, pathLength: 2 },
  zonal: { life: [DAY, 5n * DAY], authority: true, keyUsage: 0x86, pathLength: 1 },
  instance: { life: [3600n, DAY], authority: true, keyUsage: 0x04, pathLength: 0 },
  leaf: { life: [3n, 10_800n], authority: false, keyUsage: 0xc0 },
}

/** A fixed time, so that every document of one authority has the same root. */
const EPOCH = 1_790_000_000n

/** The same options give the same bytes (RFC 6979). */
export function createNitroAuthority(seed: string): NitroAuthority {
  const keys = Object.fromEntries(
    LINKS.map(link => [link, createSigner('p384', `${seed} ${link}`)]),
  ) as Record<Link, Signer>
  const certify = (link: Link, { time, certificates = {}, signers = {} }: NitroOptions): Uint8Array => {
    const issuer = LINKS[Math.max(0, LINKS.indexOf(link) - 1)] as Link
    const { life, ...fields } = FIELDS[link]
    const at = link === 'root' ? EPOCH : time
    return issueX509(
      {
        serial: 1 + LINKS.indexOf(link),
        issuer: `mock ${issuer}`,
        subject: `mock ${link}`,
        notBefore: at - life[0],
        notAfter: at + life[1],
        ...fields,
        ...certificates[link],
      },
      keys[link],
      signers[link] ?? keys[issuer],
    )
  }
  return {
    pin: sha256(certify('root', { time: EPOCH })).slice(2),
    issue(options) {
      const [root, regional, zonal, instance, leaf] = LINKS.map(link => certify(link, options)) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ]
      const { chain = same } = options
      const map = mapOf(options, leaf, chain([root, regional, zonal, instance]))
      return sign(options, map, options.signers?.document ?? keys.leaf)
    },
  }
}

function mapOf(options: NitroOptions, leaf: Uint8Array, cabundle: Uint8Array[]): CborMap {
  const { time, pcrs = {}, publicKey = null, userData = null, nonce = null } = options
  const measured = Array.from(
    { length: 16 },
    (_, index) => [index, pcrs[index] ?? defaultPcr(index)] as const,
  )
  const locked = Object.entries(pcrs).map(([index, pcr]) => [Number(index), pcr] as const)
  return new Map<string, CborValue>([
    ['module_id', 'i-0mock-enc0mock'],
    ['digest', 'SHA384'],
    ['timestamp', Number(time) * 1000],
    ['pcrs', new Map([...measured, ...locked])],
    ['certificate', leaf],
    ['cabundle', cabundle],
    ['public_key', publicKey],
    ['user_data', userData],
    ['nonce', nonce],
  ])
}

/** 0, 1 and 2 are measured. */
function defaultPcr(index: number): Uint8Array {
  return new Uint8Array(48).fill(index < 3 ? 0xa0 + index : 0)
}

function sign(options: NitroOptions, map: CborMap, signer: Signer): Uint8Array {
  const { map: change = () => {}, payload: changePayload = same, indefinite = false } = options
  const { signature: changeSignature = same, document = same } = options
  change(map)
  const payload = changePayload(indefinite ? encodeIndefinite(map) : encodeCbor(map))
  const signature = changeSignature(signRaw(sign1Message(payload, ES384), signer))
  return document(encodeSign1({ payload, signature }, ES384))
}

/** A map of indefinite length: 0xbf, keys and values, 0xff. */
export function encodeIndefinite(map: CborMap): Uint8Array {
  const entries = [...map].flatMap(([key, value]) => [encodeCbor(key), encodeCbor(value)])
  return concat(Uint8Array.of(0xbf), ...entries, Uint8Array.of(0xff))
}

const same = <T>(value: T): T => value
