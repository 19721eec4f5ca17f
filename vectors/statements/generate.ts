import {
  CASE_KIND,
  type CaseTee,
  concat,
  type EvidenceCase,
  type EvidencePolicy,
  encodeCase,
  encodePolicyArtifact,
  encodeStatement,
  fromHex,
  fromUtf8,
  type Hex,
  keccak256,
  type Statement,
  sha256,
  toHex,
  utf8,
  ZERO_HASH,
} from '@nacre/verify'
import {
  createDcapAuthority,
  createNvidiaAuthority,
  createSnpAuthority,
  NOW,
} from '../../test/mock-authority/index.ts'

const intel = createDcapAuthority('nacre vectors intel')
const amd = createSnpAuthority('nacre vectors amd')
const nvidia = createNvidiaAuthority('nacre vectors nvidia')

const USER_DATA = sha256(utf8('nacre vectors user data'))
const NONCE = keccak256(utf8('nacre vectors block'))
const REPORT_DATA = concat(fromHex(USER_DATA), fromHex(NONCE))

/** Under what each TEE's cases are judged: the mock authority's root, and nothing in debug mode. */
export const CASE_POLICIES: Record<CaseTee, EvidencePolicy> = {
  tdx: { version: 1, roots: [intel.pin], tcbStatuses: ['UpToDate'], partial: false },
  snp: { version: 1, roots: [amd.pin], maxVmpl: 0, partial: false },
  sgx: { version: 1, roots: [intel.pin], tcbStatuses: ['UpToDate'], partial: false },
  nvidia: { version: 1, roots: [nvidia.pin], partial: true },
}

/** Evidence of each TEE as its mock authority makes it; `reportData` (a GPU: the nonce) and defects as asked for. */
export const CASES: Record<CaseTee, (options?: CaseOptions) => EvidenceCase> = {
  tdx: ({ reportData = REPORT_DATA, debug = false, issued = NOW, time = issued } = {}) => {
    const td = { reportData, ...(debug && { tdAttributes: Uint8Array.of(1, 0, 0, 0x10) }) }
    const { quote, files } = intel.issue({ time: issued, tee: 'tdx', version: 5, td })
    return { tee: 'tdx', evidence: quote, collateral: files, time }
  },
  snp: ({ reportData = REPORT_DATA, debug = false, issued = NOW, time = issued } = {}) => {
    const options = { time: issued, reportData, policy: debug ? 0xb0000n : 0x30000n }
    const collateral = amd.certificates(options)
    return { tee: 'snp', evidence: amd.report(options), collateral, time }
  },
  sgx: ({ reportData = REPORT_DATA, debug = false, issued = NOW, time = issued } = {}) => {
    const attributes = Uint8Array.of(debug ? 7 : 5, 0, 0, 0, 0, 0, 0, 0, 0xe7)
    const { quote, files } = intel.issue({ time: issued, tee: 'sgx', enclave: { reportData, attributes } })
    return { tee: 'sgx', evidence: quote, collateral: files, time }
  },
  nvidia: ({ reportData = fromHex(NONCE), issued = NOW, time = issued } = {}) => {
    const options = { time: issued, nonce: reportData }
    const collateral = nvidia.certificates(options)
    return { tee: 'nvidia', evidence: nvidia.report(options), collateral, time }
  },
}

/** `issued` is the time of evidence and collateral, `time` that of the case; seconds. */
export type CaseOptions = { reportData?: Uint8Array; debug?: boolean; issued?: bigint; time?: bigint }

const filled = (byte: number, size: number): Hex => toHex(new Uint8Array(size).fill(byte))

/** The registers of the mock authorities' evidence, written out again apart from the code under test. */
const REGISTERS: Record<CaseTee, Hex[]> = {
  tdx: [filled(0xd1, 48), ...[0xa0, 0xa1, 0xa2, 0xa3].map(byte => filled(byte, 48))],
  snp: [filled(0xa1, 48)],
  sgx: [filled(0xe1, 32)],
  nvidia: Array.from(
    { length: 64 },
    (_, i): Hex => toHex(concat(Uint8Array.of(i + 1, 0, 48), new Uint8Array(48).fill(i))),
  ),
}

/** Policy and case as a receipt names them. */
function asked(found: EvidenceCase, policy: EvidencePolicy): object {
  const artifact = encodePolicyArtifact(policy)
  return { artifact: sha256(artifact), policy: fromUtf8(artifact), case: toHex(encodeCase(found)) }
}

function valid(tee: CaseTee): object {
  const found = CASES[tee]()
  const kind = CASE_KIND[tee]
  const registers = REGISTERS[tee]
  const statement: Statement = {
    version: 1,
    kind,
    evidenceHash: keccak256(found.evidence),
    measurement: sha256(concat(Uint8Array.of(kind), ...registers.map(register => fromHex(register)))),
    userData: tee === 'nvidia' ? ZERO_HASH : USER_DATA,
    nonce: NONCE,
    time: NOW,
  }
  const bytes = encodeStatement(statement)
  const fields = { ...statement, time: Number(NOW) }
  return {
    ...asked(found, CASE_POLICIES[tee]),
    ...fields,
    registers,
    statement: toHex(bytes),
    hash: keccak256(bytes),
  }
}

/** What gets no statement, and the verdict's code. */
function refused(): Record<string, object> {
  const of = (found: EvidenceCase, code: string, policy = CASE_POLICIES[found.tee]) => ({
    ...asked(found, policy),
    code,
  })
  const YEARS = 315_360_000n
  const changed = (found: EvidenceCase, at: number): EvidenceCase => ({
    ...found,
    evidence: Uint8Array.from(found.evidence, (byte, i) => (i === at ? byte ^ 1 : byte)),
  })
  const { partial, ...unasked } = CASE_POLICIES.nvidia
  return {
    'tdx-debug': of(CASES.tdx({ debug: true }), 'debug-refused'),
    'tdx-expired': of(CASES.tdx({ time: NOW + YEARS }), 'expired'),
    'tdx-stale': of(CASES.tdx({ time: NOW + 30n * 86_400n }), 'stale-collateral'),
    'tdx-tampered': of(changed(CASES.tdx(), 600), 'bad-signature'),
    'tdx-without-collateral': of({ ...CASES.tdx(), collateral: new Map() }, 'missing-collateral'),
    'tdx-as-sgx': of({ ...CASES.tdx(), tee: 'sgx' }, 'unsupported'),
    'tdx-vendor-root': of(CASES.tdx(), 'untrusted-root', { version: 1, debug: false }),
    'snp-debug': of(CASES.snp({ debug: true }), 'debug-refused'),
    'snp-expired': of(CASES.snp({ time: NOW + YEARS }), 'expired'),
    'snp-tampered': of(changed(CASES.snp(), 0x90), 'bad-signature'),
    'sgx-debug': of(CASES.sgx({ debug: true }), 'debug-refused'),
    'sgx-expired': of(CASES.sgx({ time: NOW + YEARS }), 'expired'),
    'nvidia-expired': of(CASES.nvidia({ time: NOW + YEARS }), 'expired'),
    'nvidia-partial': of(CASES.nvidia(), 'partial-refused', unasked),
    'not-measured': of(CASES.tdx(), 'measurement-not-accepted', {
      ...CASE_POLICIES.tdx,
      measurements: [{ mrtd: '00'.repeat(48) }],
    }),
  }
}

function invalid(): Record<string, object> {
  const statement = valid('tdx') as { statement: Hex }
  const bytes = fromHex(statement.statement)
  const set = (at: number, value: number): Hex =>
    toHex(Uint8Array.from(bytes, (byte, i) => (i === at ? value : byte)))
  const of = (bytes: Hex, revert: string, error = 'invalid-statement') => ({
    statement: bytes,
    kind: CASE_KIND.tdx,
    error,
    revert,
  })
  return {
    'version-0': of(set(31, 0), 'UnsupportedStatement', 'unsupported-version'),
    'version-2': of(set(31, 2), 'UnsupportedStatement', 'unsupported-version'),
    'version-wide': of(set(0, 1), 'UnsupportedStatement', 'unsupported-version'),
    'kind-nitro': of(set(63, 2), 'WrongKind'),
    'kind-unknown': of(set(63, 7), 'WrongKind'),
    'kind-wide': of(set(32, 1), 'WrongKind'),
    'time-wide': of(set(192, 1), 'StatementFromFuture'),
    empty: of('0x', 'EvidenceLength'),
    'cut-short': of(toHex(bytes.subarray(0, -1)), 'EvidenceLength'),
    'trailing-byte': of(`${toHex(bytes)}00`, 'EvidenceLength'),
  }
}

export function statementVectors(): Record<string, unknown> {
  const tees = ['tdx', 'snp', 'sgx', 'nvidia'] as const
  return Object.fromEntries([
    ...tees.map(tee => [`statements/${tee}.json`, valid(tee)]),
    ...Object.entries(refused()).map(([name, value]) => [`statements/refused-${name}.json`, value]),
    ...Object.entries(invalid()).map(([name, value]) => [`statements/invalid-${name}.json`, value]),
  ])
}
