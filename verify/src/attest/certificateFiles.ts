import { fromHex, fromUtf8, type Hex } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import { decodeBase64, parseX509, type X509 } from './certificate.ts'
import { demand, refusing } from './codes.ts'
import type { CollateralFiles } from './collateral.ts'
import { type Crl, parseCrl } from './crl.ts'

/** Certificates and revocation lists, in the order of their files. */
export type CertificateFiles = { certificates: X509[]; crls: CrlFile[] }
export type CrlFile = { der: Uint8Array; crl: Crl }

type Block = { der: Uint8Array; isList: boolean }

/** Most certificates and lists together: a folder may hold those of many machines. */
const MAX_ENTRIES = 256
const MAX_PEM = 131_072
const PEM_HEADER = /-----BEGIN (CERTIFICATE|X509 CRL)-----/g
const PEM = /-----BEGIN (CERTIFICATE|X509 CRL)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g

/**
 * The certificates and revocation lists among files of collateral, in DER or PEM; other files are passed over. What
 * its name or header calls a list has to be one: passed over, it would read as "nothing is revoked". Critical
 * extensions that are not among `known`, which the caller looks at itself, make a certificate unreadable.
 * Fails with bad-collateral.
 */
export function readCertificateFiles(files: CollateralFiles, known: readonly Hex[] = []): CertificateFiles {
  const blocks = [...files].flatMap(([name, bytes]) =>
    refusing('bad-collateral', () => readBlocks(name, bytes)),
  )
  const few = blocks.length <= MAX_ENTRIES
  demand(few, 'bad-collateral', `${blocks.length} certificates and lists, at most ${MAX_ENTRIES}`)
  const found: CertificateFiles = { certificates: [], crls: [] }
  for (const { der, isList } of blocks) {
    const certificate = isList ? undefined : readIf(der => parseX509(der, { known }), der)
    if (certificate) found.certificates.push(certificate)
    else addList(found, der, isList)
  }
  return found
}

function addList(found: CertificateFiles, der: Uint8Array, isList: boolean): void {
  const crl = isList ? refusing('bad-collateral', () => parseCrl(der)) : readIf(parseCrl, der)
  if (crl) found.crls.push({ der, crl })
}

function readBlocks(name: string, bytes: Uint8Array): Block[] {
  const isList = /crl/i.test(name)
  const text = pemOf(name, bytes)
  if (text === undefined) return [{ der: isList ? unhexed(bytes) : bytes, isList }]
  const blocks = [...text.matchAll(PEM)]
  const headers = text.match(PEM_HEADER)?.length ?? 0
  // A block that is cut short or no base64 may be a list.
  const whole = blocks.length === headers && (headers > 0 || !isList)
  demand(whole, 'bad-collateral', `${name} has ${blocks.length} whole blocks of PEM, and ${headers} headers`)
  return blocks.map(([, header, body = '']) => ({
    der: decodeBase64(body.replace(/\s/g, '')),
    isList: isList || header !== 'CERTIFICATE',
  }))
}

/** The text of a file in PEM, which tools may begin with one for people; JSON that holds PEM has it within a line. */
function pemOf(name: string, bytes: Uint8Array): string | undefined {
  const begins = bytes[0] === '-'.charCodeAt(0)
  if (bytes.length > MAX_PEM) {
    if (begins) throw new NacreError('too-large', `${name} has more than ${MAX_PEM} bytes`)
    return undefined
  }
  const text = Array.from(bytes, byte => String.fromCharCode(byte)).join('')
  return begins || /^-----BEGIN (CERTIFICATE|X509 CRL)-----/m.test(text) ? text : undefined
}

/** Intel's service sends lists in hex, and a folder may hold those as well. */
function unhexed(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== '3'.charCodeAt(0)) return bytes
  return fromHex(`0x${fromUtf8(bytes).trim().toLowerCase()}`)
}

/** What a parser makes of bytes that may be something else. */
function readIf<T>(parse: (der: Uint8Array) => T, der: Uint8Array): T | undefined {
  try {
    return parse(der)
  } catch (error) {
    if (error instanceof NacreError) return undefined
    throw error
  }
}
