import {
  type CborValue,
  encodeCase,
  encodeCbor,
  fromHex,
  type Hex,
  keccak256,
  MAX_CASE_EVIDENCE,
  MAX_CASE_PIECES,
  toHex,
} from '@nacre/verify'

const EVIDENCE = '0x0102'
const COLLATERAL: Record<string, Hex> = { 'a.crl': '0x03', 'b.json': '0x' }
const TIME = 1_790_000_000

/** Bytes that are no case, and the code of the error. */
function invalid(): Record<string, { bytes: Hex; error: string }> {
  const files = new Map(Object.entries(COLLATERAL).map(([name, hex]) => [name, fromHex(hex)]))
  const parts: CborValue[] = [1, 'tdx', fromHex(EVIDENCE), files, TIME]
  const bad = (changes: Record<number, CborValue>, error = 'invalid-case') => ({
    bytes: toHex(encodeCbor(parts.map((part, i) => changes[i] ?? part))),
    error,
  })
  const withFiles = (entries: [string | number, CborValue][]) => bad({ 3: new Map(entries) })
  const bytes = encodeCbor(parts)
  const many = Array.from({ length: MAX_CASE_PIECES + 1 }, (_, i): [string, Uint8Array] => [
    String(i).padStart(3, '0'),
    new Uint8Array(0),
  ])
  return {
    empty: { bytes: '0x', error: 'invalid-cbor' },
    'cut-short': { bytes: toHex(bytes.subarray(0, -1)), error: 'invalid-cbor' },
    'trailing-byte': { bytes: `${toHex(bytes)}00`, error: 'invalid-cbor' },
    'no-array': { bytes: toHex(encodeCbor(new Map([['version', 1]]))), error: 'invalid-case' },
    'four-parts': { bytes: toHex(encodeCbor(parts.slice(0, 4))), error: 'invalid-case' },
    'six-parts': { bytes: toHex(encodeCbor([...parts, 0])), error: 'invalid-case' },
    'version-2': bad({ 0: 2 }, 'unsupported-version'),
    'version-text': bad({ 0: '1' }),
    'tee-nitro': bad({ 1: 'nitro' }),
    'tee-simulated': bad({ 1: 'simulated' }),
    'tee-dstack': bad({ 1: 'dstack' }),
    'tee-prototype': bad({ 1: 'constructor' }),
    'tee-number': bad({ 1: 3 }),
    'evidence-text': bad({ 2: 'quote' }),
    'evidence-too-long': bad({ 2: new Uint8Array(MAX_CASE_EVIDENCE + 1) }, 'too-large'),
    'collateral-list': bad({ 3: [] }),
    'names-falling': withFiles([...files].reverse()),
    'name-twice': { bytes: toHex(encodeTwice(parts)), error: 'invalid-cbor' },
    'name-number': withFiles([[1, fromHex('0x03')]]),
    'name-empty': withFiles([['', fromHex('0x03')]]),
    'name-not-ascii': withFiles([['é', fromHex('0x03')]]),
    'name-too-long': withFiles([['x'.repeat(129), fromHex('0x03')]]),
    'piece-text': withFiles([['a.crl', 'text']]),
    'too-many-pieces': bad({ 3: new Map(many) }, 'too-large'),
    'time-negative': bad({ 4: -1 }),
    'time-text': bad({ 4: String(TIME) }),
    'nested-deeper': bad({ 3: new Map([['a.crl', [[]]]]) }, 'invalid-cbor'),
  }
}

/** One name of collateral twice, which a map cannot have. */
function encodeTwice(parts: CborValue[]): Uint8Array {
  const entry = toHex(encodeCbor('a.crl')).slice(2) + toHex(encodeCbor(fromHex('0x03'))).slice(2)
  const [version, tee, evidence, , time] = parts.map(part => toHex(encodeCbor(part)).slice(2))
  return fromHex(`0x85${version}${tee}${evidence}a2${entry}${entry}${time}`)
}

export function caseVectors(): Record<string, unknown> {
  const valid = (['tdx', 'snp', 'sgx', 'nvidia'] as const).map(tee => {
    const collateral = tee === 'snp' ? {} : COLLATERAL
    // Another order of files is the same case.
    const files = Object.entries(collateral).map(([name, hex]): [string, Uint8Array] => [name, fromHex(hex)])
    const bytes = encodeCase({
      tee,
      evidence: fromHex(EVIDENCE),
      collateral: new Map(files.reverse()),
      time: BigInt(TIME),
    })
    const vector = { tee, evidence: EVIDENCE, collateral, time: TIME }
    return [`cases/${tee}.json`, { bytes: toHex(bytes), hash: keccak256(bytes), ...vector }]
  })
  const others = Object.entries(invalid()).map(([name, value]) => [`cases/invalid-${name}.json`, value])
  return Object.fromEntries([...valid, ...others])
}
