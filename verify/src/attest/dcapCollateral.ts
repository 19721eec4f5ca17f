import { fromHex, utf8 } from '../bytes.ts'
import { objectOf, parseJson, textOf } from '../shape.ts'
import { decodeBase64, parsePem } from './certificate.ts'
import { refusing } from './codes.ts'
import type { CollateralFiles } from './collateral.ts'
import { readAll, readOne, TAG } from './der.ts'
import { plainHexOf } from './intelJson.ts'

/** JSON that Intel signed: the text exactly as it was signed, and the signature r|s (64 bytes). */
export type SignedJson = { text: string; bytes: Uint8Array; signature: Uint8Array }

/** Intel's collateral as found in files; nothing of it is checked, and there may be more of a kind than a quote needs. */
export type DcapCollateral = {
  tcbInfos: SignedJson[]
  qeIdentities: SignedJson[]
  /** DER. */
  crls: Uint8Array[]
  certificates: Uint8Array[]
}

/** The largest real file has 19 kB. */
const MAX_FILE = 524_288
const MAX_FILES = 1024

/**
 * Finds Intel's collateral in files, by what is in them and not by name:
 * - answers of Intel's provisioning certification service (PCS API 4) or of a cache of it, as they came: TCB info and
 *   QE identity; revocation lists in DER, PEM or hex; chains of certificates in PEM, as in a header or decoded;
 * - bundles of all of it: the JSON or YAML of `QuoteCollateralV3` (Phala's dcap-qvl and others).
 * Anything else, such as other vendors' collateral, is passed over. Fails with bad-collateral for what begins as one
 * of these and is malformed.
 */
export function findDcapCollateral(files: CollateralFiles): DcapCollateral {
  const found: DcapCollateral = { tcbInfos: [], qeIdentities: [], crls: [], certificates: [] }
  const names = [...files.keys()].sort().slice(0, MAX_FILES)
  for (const name of names) {
    const bytes = files.get(name) as Uint8Array
    if (bytes.length <= MAX_FILE) refusing('bad-collateral', () => addFile(found, bytes))
  }
  return found
}

function addFile(found: DcapCollateral, bytes: Uint8Array): void {
  const isDer = bytes[0] === TAG.sequence && (bytes[1] as number) >= 0x80
  const text = isDer ? '' : (asciiOf(bytes)?.trim() ?? '')
  if (isDer) addDer(found, bytes)
  else if (/^\{\s*"tcbInfo"/.test(text)) found.tcbInfos.push(readAnswer(text, 'tcbInfo'))
  else if (/^\{\s*"enclaveIdentity"/.test(text)) found.qeIdentities.push(readAnswer(text, 'enclaveIdentity'))
  else if (/^-----BEGIN(%20| )/.test(text)) addPem(found, text)
  else if (/^30([0-9a-f]{2})+$/i.test(text)) addDer(found, fromHex(`0x${text.toLowerCase()}`))
  else if (text.startsWith('{') && text.includes('"tcb_info"'))
    addBundle(found, parseJson(text, MAX_FILE, 'collateral'))
  else if (/^tcb_info: /m.test(text)) addBundle(found, readYaml(text))
}

/** A revocation list, or a certificate, which begins with its version in a tag of its own; nothing for other DER. */
function addDer(found: DcapCollateral, der: Uint8Array): void {
  const tag = firstTag(der)
  if (tag === TAG.integer) found.crls.push(der)
  else if (tag === TAG.context0) found.certificates.push(der)
}

function firstTag(der: Uint8Array): number | undefined {
  try {
    const [signed] = readAll(readOne(der, TAG.sequence))
    return readAll(signed?.content ?? new Uint8Array(0))[0]?.tag
  } catch {
    return undefined
  }
}

const PEM_CRL = /^-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]*)-----END X509 CRL-----$/

function addPem(found: DcapCollateral, text: string): void {
  // Headers carry chains percent-encoded.
  const pem = text.includes('%') ? decodeURIComponent(text) : text
  const list = PEM_CRL.exec(pem)
  if (list) found.crls.push(decodeBase64((list[1] as string).replace(/\s/g, '')))
  else if (pem.includes('BEGIN CERTIFICATE')) found.certificates.push(...parsePem(pem))
}

/** An answer of the service: Intel signed the object in it as it stands there, so that it must not be written anew. */
function readAnswer(text: string, name: string): SignedJson {
  const start = `{"${name}":`.length
  const end = /,"signature":"([0-9a-fA-F]{128})"\}$/.exec(text)
  if (!end || !text.startsWith(`{"${name}":{`))
    throw new Error(`${name} and signature are not as Intel sent them`)
  return signedJson(text.slice(start, end.index), end[1] as string)
}

const bundleShape = objectOf(
  {
    root_ca_crl: textOf(MAX_FILE),
    pck_crl: textOf(MAX_FILE),
    pck_crl_issuer_chain: textOf(MAX_FILE),
    tcb_info: textOf(MAX_FILE),
    tcb_info_signature: textOf(128),
    tcb_info_issuer_chain: textOf(MAX_FILE),
    qe_identity: textOf(MAX_FILE),
    qe_identity_signature: textOf(128),
    qe_identity_issuer_chain: textOf(MAX_FILE),
  },
  { pck_certificate_chain: (value: unknown) => value },
)

function addBundle(found: DcapCollateral, value: unknown): void {
  const bundle = bundleShape(value, 'collateral')
  found.tcbInfos.push(signedJson(bundle.tcb_info, bundle.tcb_info_signature))
  found.qeIdentities.push(signedJson(bundle.qe_identity, bundle.qe_identity_signature))
  for (const list of [bundle.root_ca_crl, bundle.pck_crl]) addDer(found, fromHex(`0x${list.toLowerCase()}`))
  // The issuer of the PCK's list is in the quote. Both JSONs mostly have the same chain.
  const chains = new Set([bundle.tcb_info_issuer_chain, bundle.qe_identity_issuer_chain])
  for (const chain of chains) addPem(found, chain)
}

function signedJson(text: string, signature: string): SignedJson {
  return { text, bytes: utf8(text), signature: plainHexOf(64)(signature, 'signature') }
}

/** A bundle has ten. */
const MAX_NAMES = 64

/**
 * The subset of YAML that serialisers write for an object of texts: a block (`|-` or `|`) or a text in double quotes,
 * which is JSON's.
 */
function readYaml(text: string): Record<string, string> {
  const entries: [string, string][] = []
  const lines = text.replace(/^---\s*\n/, '').split(/\r?\n/)
  for (let at = 0; at < lines.length; ) {
    const [, key = '', value = ''] = /^([a-z_]+): ?(.*)$/.exec(lines[at++] as string) ?? []
    if (key === '') throw new Error('the YAML is no list of names and texts')
    if (entries.length >= MAX_NAMES) throw new Error('the YAML has too many names')
    if (value === '|-' || value === '|') {
      const block: string[] = []
      while (lines[at]?.startsWith('  ')) block.push((lines[at++] as string).slice(2))
      entries.push([key, block.join('\n')])
    } else if (value.startsWith('"')) entries.push([key, JSON.parse(value)])
    else if (value !== 'null' && value !== '~') entries.push([key, value])
  }
  return Object.fromEntries(entries)
}

/** The text of bytes that are all ASCII, as all of Intel's is. */
function asciiOf(bytes: Uint8Array): string | undefined {
  let text = ''
  for (let offset = 0; offset < bytes.length; offset += 8192) {
    text += String.fromCharCode(...bytes.subarray(offset, offset + 8192))
  }
  return /[\x80-\xff]/.test(text) ? undefined : text
}
