import { concat, fromHex, nobleCrypto, sha256, toHex, utf8 } from '@nacre/verify'
import {
  type EnclaveFields,
  encodeCertification,
  encodeEnclaveReport,
  encodeHeader,
  encodeTdReport,
  type HeaderFields,
  type TdFields,
  u16,
  u32,
} from './dcapQuote.ts'
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

const LINKS = ['root', 'issuer', 'pck', 'signer'] as const
type Link = (typeof LINKS)[number]
/** JSON to change before it is signed. */
// biome-ignore lint/suspicious/noExplicitAny: tests reach into it
type Change = (json: any) => void

export type DcapOptions = {
  /** Seconds: everything is valid then. */
  time: bigint
  tee: 'tdx' | 'sgx'
  version?: 3 | 4 | 5
  /** Of TDX in version 5: TDX 1.5 (default) or 1.0. */
  td15?: boolean
  /** The TEE's own report, and the quoting enclave's. */
  td?: Partial<TdFields>
  enclave?: Partial<EnclaveFields>
  qe?: Partial<EnclaveFields>
  header?: Partial<HeaderFields>
  /** What the PCK certificate says of the machine. */
  platform?: Partial<MockPlatform>
  /** What to break in a certificate, and whom to let sign instead of who should. */
  certificates?: Partial<Record<Link, Partial<X509Fields>>>
  signers?: Partial<Record<Link | 'qe' | 'quote' | 'tcbInfo' | 'identity' | 'rootCrl' | 'pckCrl', Signer>>
  crls?: { root?: Partial<CrlFields>; pck?: Partial<CrlFields> }
  tcbInfo?: Change
  identity?: Change
  /** What to do to the chain of the quote, to the signatures' part, to all of it, and to the files of collateral. */
  chain?: (chain: Uint8Array[]) => Uint8Array[]
  certification?: { type?: number; outer?: number; behind?: Uint8Array }
  body?: (body: Uint8Array) => Uint8Array
  quote?: (quote: Uint8Array) => Uint8Array
  files?: (files: Map<string, Uint8Array>) => void
}

export type MockPlatform = {
  ppid: string
  fmspc: string
  pceId: string
  sgxSvns: number[]
  pceSvn: number
  /** Instead of all of it. */
  extension: Uint8Array | null
}

/** Intel's part: a root with everything below it, that makes quotes and the collateral for them. */
export type DcapAuthority = {
  /** SHA-256 of the root certificate, hex: a policy names it. */
  pin: string
  issue(options: DcapOptions): DcapIssue
}

/** `pin` is that of the root that this quote has, which is another one where its certificate is changed. */
export type DcapIssue = { quote: Uint8Array; files: Map<string, Uint8Array>; pin: string }

const DAY = 86_400n
const EPOCH = 1_790_000_000n
const NAMES: Record<Link, string> = {
  root: 'Intel SGX Root CA',
  issuer: 'Intel SGX PCK Platform CA',
  pck: 'Intel SGX PCK Certificate',
  signer: 'Intel SGX TCB Signing',
}
const FIELDS: Record<Link, Pick<X509Fields, 'authority' | 'keyUsage' | 'pathLength'>> = {
  root: { authority: true, keyUsage: 0x06, pathLength: 1 },
  issuer: { authority: true, keyUsage: 0x06, pathLength: 0 },
  pck: { authority: false, keyUsage: 0xc0 },
  signer: { authority: false, keyUsage: 0xc0 },
}

/** The same options give the same bytes (RFC 6979). */
export function createDcapAuthority(seed: string): DcapAuthority {
  const key = (name: string): Signer => createSigner('p256', `${seed} ${name}`)
  const keys = Object.fromEntries(LINKS.map(link => [link, key(link)])) as Record<Link, Signer>
  const attestation = key('attestation')
  const certify = (link: Link, options: Partial<DcapOptions>): Uint8Array => {
    const { certificates = {}, signers = {}, platform } = options
    const issuer = link === 'pck' ? 'issuer' : 'root'
    const sgx = link === 'pck' ? platformExtension({ ...PLATFORM, ...platform }) : []
    const fields = {
      serial: 1 + LINKS.indexOf(link),
      issuer: NAMES[issuer],
      subject: NAMES[link],
      notBefore: EPOCH - 3000n * DAY,
      notAfter: EPOCH + 3000n * DAY,
      ...FIELDS[link],
      extensions: sgx,
      ...certificates[link],
    }
    return issueX509(fields, keys[link], signers[link] ?? keys[issuer])
  }
  return {
    pin: sha256(certify('root', {})).slice(2),
    issue(options) {
      const [root, issuer, pck, signer] = LINKS.map(link => certify(link, options)) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ]
      const { chain = same, quote: change = same, files: changeFiles = () => {} } = options
      const quote = change(signQuote(options, chain([pck, issuer, root]), keys.pck, attestation))
      const files = collateralOf(options, keys, pemOf([signer, root]))
      changeFiles(files)
      return { quote, files, pin: sha256(root).slice(2) }
    },
  }
}

const INTEL = fromHex('0x939a7233f79c4ca9940a0db3957f0607')
const TEE_TYPES = { sgx: 0, tdx: 0x81 } as const

/** As real ones: SEPT_VE_DISABLE, and a module of major version 1. */
const TD: Partial<TdFields> = {
  teeTcbSvn: Uint8Array.of(5, 1, 3),
  teeTcbSvn2: Uint8Array.of(5, 1, 3),
  tdAttributes: Uint8Array.of(0, 0, 0, 0x10),
  xfam: Uint8Array.of(0xe7, 0x02, 0x06),
  mrTd: new Uint8Array(48).fill(0xd1),
  rtmr: [0, 1, 2, 3].map(i => new Uint8Array(48).fill(0xa0 + i)),
  reportData: utf8('mock report data'),
}
const ENCLAVE: Partial<EnclaveFields> = {
  attributes: Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0, 0xe7),
  mrEnclave: new Uint8Array(32).fill(0xe1),
  mrSigner: new Uint8Array(32).fill(0xe2),
  isvProdId: 3,
  isvSvn: 4,
  reportData: utf8('mock report data'),
}
const QE: Partial<EnclaveFields> = {
  attributes: Uint8Array.of(0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7),
  mrSigner: new Uint8Array(32).fill(0xdc),
  isvProdId: 2,
  isvSvn: 6,
}

function signQuote(
  options: DcapOptions,
  chain: Uint8Array[],
  pckKey: Signer,
  attestationKey: Signer,
): Uint8Array {
  const { tee, version = tee === 'sgx' ? 3 : 4, td15 = true, signers = {}, certification = {} } = options
  const { body: changeBody = same } = options
  const header = encodeHeader({
    version,
    keyType: 2,
    teeType: TEE_TYPES[tee],
    vendor: INTEL,
    ...options.header,
  })
  const is15 = version === 5 && td15
  const report =
    tee === 'sgx'
      ? encodeEnclaveReport({ ...ENCLAVE, ...options.enclave })
      : encodeTdReport({ ...TD, ...options.td }, is15)
  const type = tee === 'sgx' ? 1 : is15 ? 3 : 2
  const body = changeBody(version === 5 ? concat(u16(type), u32(report.length), report) : report)
  const signed = concat(header, body)
  const point = attestationKey.publicKey.subarray(1)
  const authData = Uint8Array.from({ length: 32 }, (_, i) => i)
  const vouched = nobleCrypto.sha256(concat(point, authData))
  const qeReport = encodeEnclaveReport({ ...QE, reportData: vouched, ...options.qe })
  const qe = concat(
    qeReport,
    signRaw(qeReport, signers.qe ?? pckKey),
    u16(authData.length),
    authData,
    encodeCertification(certification.type ?? 5, concat(pemOf(chain), Uint8Array.of(0))),
    certification.behind ?? new Uint8Array(0),
  )
  const signatures = concat(
    signRaw(signed, signers.quote ?? attestationKey),
    point,
    version === 3 ? qe : encodeCertification(certification.outer ?? 6, qe),
  )
  return concat(signed, u32(signatures.length), signatures)
}

const PLATFORM: MockPlatform = {
  ppid: '0123456789abcdef0123456789abcdef',
  fmspc: '00906ed50000',
  pceId: '0000',
  sgxSvns: [4, 4, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0],
  pceSvn: 13,
  extension: null,
}

/** 1.2.840.113741.1.13.1, with the fields that a verifier needs and one that it passes over. */
const SGX = '0x2a864886f84d010d01'

function platformExtension(platform: MockPlatform): Uint8Array[] {
  if (platform.extension) return [extension(SGX, platform.extension)]
  const field = (number: number, value: Uint8Array, below = ''): Uint8Array =>
    sequence(der(0x06, fromHex(`${SGX}${below}${number.toString(16).padStart(2, '0')}`)), value)
  const tcb = platform.sgxSvns.map((svn, i) => field(i + 1, integer(Uint8Array.of(svn)), '02'))
  const bytes = (hex: string): Uint8Array => octetString(fromHex(`0x${hex}`))
  return [
    extension(
      SGX,
      sequence(
        field(1, bytes(platform.ppid)),
        field(2, sequence(...tcb, field(17, integer(Uint8Array.of(platform.pceSvn)), '02'))),
        field(3, bytes(platform.pceId)),
        field(4, bytes(platform.fmspc)),
        field(5, der(0x0a, Uint8Array.of(1))),
      ),
    ),
  ]
}

/** As Intel's service answers. */
function collateralOf(
  options: DcapOptions,
  keys: Record<Link, Signer>,
  signingChain: Uint8Array,
): Map<string, Uint8Array> {
  const { time, tee, signers = {}, crls = {}, tcbInfo = () => {}, identity = () => {} } = options
  const dates = { issueDate: isoOf(time - DAY), nextUpdate: isoOf(time + 29n * DAY) }
  const info = { ...mockTcbInfo(tee), ...dates }
  const qe = { ...mockIdentity(tee), ...dates }
  tcbInfo(info)
  identity(qe)
  const list = { thisUpdate: time - DAY, nextUpdate: time + 29n * DAY, revoked: [] }
  const rootCrl = { ...list, issuer: NAMES.root, ...crls.root }
  const pckCrl = { ...list, issuer: NAMES.issuer, ...crls.pck }
  return new Map([
    ['tcb_info.json', signJson('tcbInfo', info, signers.tcbInfo ?? keys.signer)],
    ['qe_identity.json', signJson('enclaveIdentity', qe, signers.identity ?? keys.signer)],
    ['root_ca.crl', issueCrl(rootCrl, signers.rootCrl ?? keys.root)],
    ['pck.crl', issueCrl(pckCrl, signers.pckCrl ?? keys.issuer)],
    ['tcb_signing_chain.pem', signingChain],
  ])
}

const svns = (...values: number[]): { svn: number }[] =>
  Array.from({ length: 16 }, (_, i) => ({ svn: values[i] ?? 0 }))

/** Two levels, and of the TDX module of major version 1 three. */
function mockTcbInfo(tee: DcapOptions['tee']): object {
  const level = (first: number, tdx: number, tcbStatus: string, advisoryIDs: string[]): object => ({
    tcb: {
      sgxtcbcomponents: svns(first, first, 2, 2, first, 1, 0, 5),
      pcesvn: 13,
      ...(tee === 'tdx' ? { tdxtcbcomponents: svns(5, 0, tdx) } : {}),
    },
    tcbDate: '2024-11-13T00:00:00Z',
    tcbStatus,
    advisoryIDs,
  })
  const signed = {
    mrsigner: '00'.repeat(48),
    attributes: '0000000000000000',
    attributesMask: 'FFFFFFFFFFFFFFFF',
  }
  const moduleLevel = (isvsvn: number, tcbStatus: string, advisoryIDs: string[]): object => ({
    tcb: { isvsvn },
    tcbDate: '2024-11-13T00:00:00Z',
    tcbStatus,
    advisoryIDs,
  })
  const modules = [
    moduleLevel(5, 'UpToDate', []),
    moduleLevel(3, 'OutOfDate', ['MOCK-SA-00002']),
    moduleLevel(1, 'Revoked', ['MOCK-SA-00003']),
  ]
  return {
    id: tee.toUpperCase(),
    version: 3,
    issueDate: '',
    nextUpdate: '',
    fmspc: '00906ED50000',
    pceId: '0000',
    tcbType: 0,
    tcbEvaluationDataNumber: 18,
    ...(tee === 'tdx'
      ? { tdxModule: signed, tdxModuleIdentities: [{ id: 'TDX_01', ...signed, tcbLevels: modules }] }
      : {}),
    tcbLevels: [level(4, 3, 'UpToDate', []), level(2, 2, 'OutOfDate', ['MOCK-SA-00001'])],
  }
}

function mockIdentity(tee: DcapOptions['tee']): object {
  return {
    id: tee === 'tdx' ? 'TD_QE' : 'QE',
    version: 2,
    issueDate: '',
    nextUpdate: '',
    tcbEvaluationDataNumber: 18,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: 'DC'.repeat(32),
    isvprodid: 2,
    tcbLevels: [
      { tcb: { isvsvn: 6 }, tcbDate: '2024-11-13T00:00:00Z', tcbStatus: 'UpToDate' },
      {
        tcb: { isvsvn: 4 },
        tcbDate: '2023-11-13T00:00:00Z',
        tcbStatus: 'OutOfDate',
        advisoryIDs: ['MOCK-SA-00004'],
      },
      { tcb: { isvsvn: 2 }, tcbDate: '2022-11-13T00:00:00Z', tcbStatus: 'Revoked' },
    ],
  }
}

function signJson(name: string, value: object, signer: Signer): Uint8Array {
  const text = JSON.stringify(value)
  return utf8(`{"${name}":${text},"signature":"${toHex(signRaw(utf8(text), signer)).slice(2)}"}`)
}

/** The same collateral as one JSON of dcap-qvl's shape. */
export function bundleOf(files: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  const text = (name: string): string => String.fromCharCode(...(files.get(name) as Uint8Array))
  const signed = (name: string): [string, string] => {
    const [, json = '', signature = ''] = /^\{"\w+":(.*),"signature":"(.*)"\}$/.exec(text(name)) ?? []
    return [json, signature]
  }
  const hex = (name: string): string => toHex(files.get(name) as Uint8Array).slice(2)
  const [tcbInfo, tcbInfoSignature] = signed('tcb_info.json')
  const [qeIdentity, qeIdentitySignature] = signed('qe_identity.json')
  const chain = text('tcb_signing_chain.pem')
  return {
    pck_crl_issuer_chain: chain,
    root_ca_crl: hex('root_ca.crl'),
    pck_crl: hex('pck.crl'),
    tcb_info_issuer_chain: chain,
    tcb_info: tcbInfo,
    tcb_info_signature: tcbInfoSignature,
    qe_identity_issuer_chain: chain,
    qe_identity: qeIdentity,
    qe_identity_signature: qeIdentitySignature,
  }
}

export function pemOf(certificates: Uint8Array[]): Uint8Array {
  const pem = certificates.map(certificate => {
    const lines = btoa(String.fromCharCode(...certificate)).match(/.{1,64}/g) ?? []
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
  })
  return utf8(pem.join(''))
}

function isoOf(seconds: bigint): string {
  return new Date(Number(seconds) * 1000).toISOString().replace('.000Z', 'Z')
}

const same = <T>(value: T): T => value
