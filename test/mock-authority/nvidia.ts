import { concat, fromHex, sha256, utf8 } from '@nacre/verify'
import { oid } from '@nacre/verify/attest/oid'
import { der, integer, octetString, sequence } from './der.ts'
import {
  type CrlFields,
  createSigner,
  extension,
  issueCrl,
  issueX509,
  type Signer,
  signRaw,
  type X509Fields,
} from './x509.ts'

const LINKS = ['root', 'identity', 'provisioner', 'brom', 'leaf'] as const
type Link = (typeof LINKS)[number]

export type NvidiaOptions = {
  /** Seconds: when all certificates are valid. */
  time: bigint
  /** 32 bytes. */
  nonce?: Uint8Array
  /** Index and value of each block; 64 of SHA-384 where they are not given. */
  measurements?: [index: number, value: Uint8Array][]
  /** NVIDIA's fields by number. */
  opaque?: [type: number, value: Uint8Array][]
  /** Which firmware the leaf is made for, 48 bytes, and in which of NVIDIA's forms; none where null. */
  firmware?: Uint8Array | null
  form?: 'hopper' | 'blackwell'
  /** Whether the certificate says that who does not know that extension must refuse it. */
  critical?: boolean
  /** What to break in a certificate, and whom to let sign it or the report. */
  certificates?: Partial<Record<Link, Partial<X509Fields>>>
  signers?: Partial<Record<Link | 'report', Signer>>
  /** Changes of the parts before they are signed, and of all of it after. */
  request?: (request: Uint8Array) => Uint8Array
  record?: (record: Uint8Array) => Uint8Array
  response?: (response: Uint8Array) => Uint8Array
  signed?: (report: Uint8Array) => Uint8Array
}

/** A maker of GPUs with a root of its own. */
export type NvidiaAuthority = {
  /** SHA-256 of the root certificate, hex: a policy names it. */
  pin: string
  report(options: NvidiaOptions): Uint8Array
  certificates(options: NvidiaOptions): Map<string, Uint8Array>
  /** A revocation list of one of its authorities. */
  crl(link: Link, options: NvidiaOptions, fields?: Partial<CrlFields>): Uint8Array
}

const YEAR = 31_536_000n
/** A fixed time, so that one authority has one root. */
const EPOCH = 1_790_000_000n
export const MOCK_FIRMWARE: Uint8Array = new Uint8Array(48).fill(0xf1)
const SHA384 = der(0x06, fromHex('0x608648016503040202'))

/** The same options give the same bytes (RFC 6979). */
export function createNvidiaAuthority(seed: string): NvidiaAuthority {
  const keys = Object.fromEntries(
    LINKS.map(link => [link, createSigner('p384', `${seed} ${link}`)]),
  ) as Record<Link, Signer>
  const certify = (link: Link, options: NvidiaOptions): Uint8Array => {
    const { certificates = {}, signers = {} } = options
    const issuer = LINKS[Math.max(0, LINKS.indexOf(link) - 1)] as Link
    const fields: X509Fields = {
      serial: 1 + LINKS.indexOf(link),
      issuer: `mock ${issuer}`,
      subject: `mock ${link}`,
      notBefore: EPOCH - YEAR,
      notAfter: EPOCH + YEAR,
      authority: link !== 'leaf',
      keyUsage: link === 'leaf' ? 0x80 : 0x06,
      extensions: link === 'leaf' ? extensionsOf(options, keys.leaf) : [],
    }
    return issueX509({ ...fields, ...certificates[link] }, keys[link], signers[link] ?? keys[issuer])
  }
  return {
    pin: sha256(certify('root', { time: EPOCH })).slice(2),
    report: options => signReport(options, options.signers?.report ?? keys.leaf),
    certificates: options => new Map(LINKS.map(link => [`${link}.der`, certify(link, options)])),
    crl: (link, { time }, fields = {}) =>
      issueCrl(
        { issuer: `mock ${link}`, thisUpdate: time - YEAR, nextUpdate: time + YEAR, revoked: [], ...fields },
        keys[link],
      ),
  }
}

/** The device's id among other names, and the firmware as TCG's DICE has it: a CompositeDeviceID, or a DiceTcbInfo. */
function extensionsOf(
  { firmware = MOCK_FIRMWARE, form = 'hopper', critical }: NvidiaOptions,
  leaf: Signer,
): Uint8Array[] {
  const id = sequence(
    der(0x06, fromHex(oid('1.3.6.1.4.1.412.274.1'))),
    der(0xa0, der(0x0c, utf8('NVIDIA:MOCK:01'))),
  )
  const names = extension(oid('2.5.29.17'), sequence(der(0xa0, id.subarray(2))))
  if (!firmware) return [names]
  const fwid = sequence(SHA384, octetString(firmware))
  const composite = sequence(integer(Uint8Array.of(1)), sequence(octetString(leaf.publicKey)), fwid)
  const tcbInfo = sequence(
    der(0x80, utf8('NVIDIA')),
    der(0xa6, fwid, sequence(SHA384, octetString(new Uint8Array(48)))),
  )
  return form === 'hopper'
    ? [names, extension(oid('2.23.133.5.4.1'), composite, critical)]
    : [names, extension(oid('2.23.133.5.4.1.1'), tcbInfo, critical)]
}

function signReport(options: NvidiaOptions, signer: Signer): Uint8Array {
  const {
    nonce = new Uint8Array(32).fill(0x5a),
    measurements = defaultMeasurements(),
    opaque = defaultOpaque(),
  } = options
  const { request = same, response = same, record: changeRecord = same, signed = same } = options
  const asked = request(concat(Uint8Array.of(0x11, 0xe0, 1, 0xff), nonce, Uint8Array.of(0)))
  const record = changeRecord(concat(...measurements.map(blockOf)))
  const fields = concat(...opaque.map(([type, value]) => concat(u16(type), u16(value.length), value)))
  const answered = response(
    concat(
      Uint8Array.of(0x11, 0x60, 0, 0, measurements.length),
      u16(record.length),
      Uint8Array.of(0),
      record,
      new Uint8Array(32).fill(0x77),
      u16(fields.length),
      fields,
    ),
  )
  const message = concat(asked, answered)
  return signed(concat(message, signRaw(message, signer)))
}

function blockOf([index, value]: [number, Uint8Array]): Uint8Array {
  return concat(Uint8Array.of(index, 1), u16(value.length + 3), Uint8Array.of(1), u16(value.length), value)
}

function defaultMeasurements(): [number, Uint8Array][] {
  return Array.from({ length: 64 }, (_, i) => [i + 1, new Uint8Array(48).fill(i)])
}

function defaultOpaque(): [number, Uint8Array][] {
  return [
    [3, utf8('560.00\0')],
    [6, Uint8Array.of(0, 0xa5, 0, 0x96, 1, 0, 0, 0)],
    [17, utf8('G520\0')],
    [20, MOCK_FIRMWARE],
  ]
}

/** Little-endian. */
function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >> 8)
}

const same = (bytes: Uint8Array): Uint8Array => bytes
