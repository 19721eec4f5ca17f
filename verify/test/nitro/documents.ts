import { encodeIndefinite, extension } from '../../../test/mock-authority/index.ts'
import { decodeSign1, ES384 } from '../../src/attest/cose.ts'
import { type CborMap, type CborValue, concat, encodeCbor, fromHex, type Hex, utf8 } from '../../src/index.ts'
import { otherEs384 } from '../p256.ts'
import {
  type BrokenNitroCase,
  cut,
  instanceSigner,
  longer,
  type NitroCase,
  pcr,
  replaced,
  stranger,
  TIME,
} from './authority.ts'

const REQUIRED = ['module_id', 'digest', 'timestamp', 'pcrs', 'certificate', 'cabundle'] as const

function reversed(map: CborMap): void {
  const entries = [...map].reverse()
  map.clear()
  for (const [key, value] of entries) map.set(key, value)
}

function withPayload(payload: CborValue): (bytes: Uint8Array) => Uint8Array {
  return bytes => {
    const { signature } = decodeSign1(bytes, bytes.length, ES384)
    return encodeCbor([ES384.header, new Map(), payload, signature])
  }
}

function changedHead(name: string, from: Hex, to: Hex): BrokenNitroCase {
  return [name, { document: bytes => replaced(bytes, fromHex(from), fromHex(to)) }, 'malformed']
}

function instanceAsLeaf(map: CborMap): void {
  const bundle = map.get('cabundle') as Uint8Array[]
  map.set('certificate', bundle[3]!)
  map.set('cabundle', bundle.slice(0, 3))
}

export const VALID_DOCUMENTS: NitroCase[] = [
  ['all optional fields null', {}],
  ['a map of indefinite length', { indefinite: true }],
  [
    'optional fields absent',
    { map: map => ['public_key', 'user_data', 'nonce'].every(key => map.delete(key)) },
  ],
  ['empty user_data and nonce', { userData: new Uint8Array(0), nonce: new Uint8Array(0) }],
  [
    'optional fields as long as they may be',
    { userData: new Uint8Array(512), nonce: new Uint8Array(512), publicKey: new Uint8Array(1024) },
  ],
  ['a locked PCR16', { pcrs: { 16: pcr(1) } }],
  ['all 32 PCRs', { pcrs: Object.fromEntries(Array.from({ length: 32 }, (_, i) => [i, pcr(i + 1)])) }],
  ['the other signature', { signature: otherEs384 }],
  [
    'an extension that need not be understood',
    { certificates: { zonal: { extensions: [extension('0x2a0304', pcr(0))] } } },
  ],
  [
    'no path length anywhere',
    {
      certificates: {
        regional: { pathLength: undefined as never },
        zonal: { pathLength: undefined as never },
        instance: { pathLength: undefined as never },
      },
    },
  ],
  ...[1, 31, 32, 33, 128].map(
    (size): NitroCase => [
      `a module_id of ${size} characters`,
      { map: map => map.set('module_id', '~'.repeat(size)) },
    ],
  ),
  ['the lowest character of a module_id', { map: map => map.set('module_id', '!') }],
  ['keys in another order', { map: reversed }],
  ['registers in another order', { map: map => reversed(map.get('pcrs') as CborMap) }],
  ['three registers alone', { map: map => map.set('pcrs', new Map([0, 1, 2].map(i => [i, pcr(1)]))) }],
  ['made in the first second of its leaf', { map: map => map.set('timestamp', Number(TIME - 3n) * 1000) }],
]

/** Valid, but of an enclave in debug mode: each of PCR0, 1 and 2 zero or absent, whatever the others are. */
export const DEBUG_DOCUMENTS: NitroCase[] = [
  ...[0, 1, 2].map(
    (index): NitroCase => [`PCR${index} zero`, { pcrs: { [index]: pcr(0), 3: pcr(9), 4: pcr(9) } }],
  ),
  ['PCR0 absent', { map: map => (map.get('pcrs') as Map<number, Uint8Array>).delete(0) }],
  ['PCR3 alone', { map: map => map.set('pcrs', new Map([[3, pcr(9)]])) }],
]

const nested = (map: Map<string | number, unknown>): void => {
  map.set('pcrs', new Map([[0, new Map([[0, new Map()]])]]))
}

export const BROKEN_DOCUMENTS: BrokenNitroCase[] = [
  ['cut short', { document: cut }, 'malformed'],
  ['a byte behind it', { document: longer }, 'malformed'],
  ['a COSE tag', { document: bytes => concat(Uint8Array.of(0xd2), bytes) }, 'malformed'],
  [
    'another algorithm',
    { document: bytes => replaced(bytes, fromHex('0x44a1013822'), fromHex('0x43a10126')) },
    'malformed',
  ],
  [
    'an unprotected header',
    { document: bytes => replaced(bytes, fromHex('0xa1013822a0'), fromHex('0xa1013822a10405')) },
    'malformed',
  ],
  ['larger than any', { document: () => new Uint8Array(20_000) }, 'too-large'],
  ['nothing', { document: () => new Uint8Array(0) }, 'malformed'],
  ['lists without end', { document: () => new Uint8Array(16_000).fill(0x9f) }, 'malformed'],
  ['a byte behind the payload', { payload: longer }, 'malformed'],
  ['an indefinite map without its end', { indefinite: true, payload: cut }, 'malformed'],
  [
    'an indefinite map with two ends',
    { indefinite: true, payload: bytes => concat(bytes, Uint8Array.of(0xff)) },
    'malformed',
  ],
  [
    'an indefinite map with a key alone',
    { indefinite: true, payload: bytes => concat(cut(bytes), encodeCbor('x'), Uint8Array.of(0xff)) },
    'malformed',
  ],
  [
    'a key twice, indefinite',
    {
      indefinite: true,
      payload: bytes => concat(cut(bytes), encodeCbor('nonce'), encodeCbor(null), Uint8Array.of(0xff)),
    },
    'malformed',
  ],
  [
    'a key twice, definite',
    {
      payload: bytes => concat(Uint8Array.of(0xaa), bytes.subarray(1), encodeCbor('nonce'), encodeCbor(null)),
    },
    'malformed',
  ],
  [
    'PCRs of indefinite length',
    { payload: bytes => replaced(bytes, fromHex('0x6470637273b0'), fromHex('0x6470637273bf')) },
    'malformed',
  ],
  [
    'an indefinite map in another',
    { payload: bytes => encodeIndefinite(new Map([['a', bytes]])) },
    'malformed',
  ],
  [
    'a long form',
    { payload: bytes => replaced(bytes, fromHex('0x6470637273b0'), fromHex('0x6470637273b810')) },
    'malformed',
  ],
  ['an unknown key', { map: map => map.set('extra', null) }, 'malformed'],
  ['a missing key', { map: map => map.delete('module_id') }, 'malformed'],
  ['a null that may not be', { map: map => map.set('certificate', null) }, 'malformed'],
  ['another digest', { map: map => map.set('digest', 'SHA512') }, 'malformed'],
  ['no time', { map: map => map.set('timestamp', 0) }, 'malformed'],
  ['a time that is text', { map: map => map.set('timestamp', '1') }, 'malformed'],
  ['no PCR', { map: map => map.set('pcrs', new Map()) }, 'malformed'],
  [
    '33 PCRs',
    { map: map => map.set('pcrs', new Map(Array.from({ length: 33 }, (_, i) => [i, pcr(1)]))) },
    'malformed',
  ],
  ['PCR32', { map: map => map.set('pcrs', new Map([[32, pcr(1)]])) }, 'malformed'],
  ['a PCR by text', { map: map => map.set('pcrs', new Map([['0', pcr(1)]])) }, 'malformed'],
  ['a PCR of 47 bytes', { pcrs: { 0: pcr(1).subarray(1) } }, 'malformed'],
  ['nested too deep', { map: nested as never }, 'malformed'],
  ['no bundle', { chain: () => [] }, 'malformed'],
  [
    'nine certificates in the bundle',
    { chain: bundle => [...bundle, ...bundle, bundle[0] as Uint8Array] },
    'malformed',
  ],
  ['an empty certificate', { map: map => map.set('certificate', new Uint8Array(0)) }, 'malformed'],
  ['a certificate of 1,025 bytes', { map: map => map.set('certificate', new Uint8Array(1025)) }, 'malformed'],
  [
    'a certificate with a byte behind it',
    { map: map => map.set('certificate', longer(map.get('certificate') as Uint8Array)) },
    'malformed',
  ],
  ['user_data of 513 bytes', { userData: new Uint8Array(513) }, 'malformed'],
  ['a nonce of 513 bytes', { nonce: new Uint8Array(513) }, 'malformed'],
  ['an empty public key', { publicKey: new Uint8Array(0) }, 'malformed'],
  ['a signature by a stranger', { signers: { document: stranger } }, 'bad-signature'],
  ['a signature of zeros', { signature: () => new Uint8Array(96) }, 'bad-signature'],
  [
    'r and s swapped',
    { signature: ([...s]) => Uint8Array.from([...s.slice(48), ...s.slice(0, 48)]) },
    'bad-signature',
  ],
  ['another root of the same name', { signers: { root: stranger } }, 'untrusted-root'],
  ['a bundle that begins below the root', { chain: bundle => bundle.slice(1) }, 'untrusted-root'],
  ['a link left out', { chain: ([root, , ...rest]) => [root as Uint8Array, ...rest] }, 'broken-chain'],
  [
    'links in another order',
    { chain: ([root, a, b, ...rest]) => [root, b, a, ...rest] as Uint8Array[] },
    'broken-chain',
  ],
  ['the root alone above the leaf', { chain: bundle => bundle.slice(0, 1) }, 'broken-chain'],
  ['a link by a stranger', { signers: { zonal: stranger } }, 'broken-chain'],
  ['a leaf by a stranger', { signers: { leaf: stranger } }, 'broken-chain'],
  [
    'a signature of a link changed',
    { certificates: { zonal: { changeSignature: s => s.with(50, s[50]! ^ 1) } } },
    'broken-chain',
  ],
  ['an issuer of another name', { certificates: { instance: { issuer: 'mock other' } } }, 'broken-chain'],
  [
    'a link that is no authority',
    { certificates: { instance: { authority: false, pathLength: undefined as never } } },
    'broken-chain',
  ],
  ['a link that may not certify', { certificates: { instance: { keyUsage: 0x80 } } }, 'broken-chain'],
  ['a link without key usage', { certificates: { instance: { keyUsage: null } } }, 'broken-chain'],
  ['a path that is too long', { certificates: { regional: { pathLength: 1 } } }, 'broken-chain'],
  [
    'a leaf that is an authority',
    { certificates: { leaf: { authority: true, keyUsage: 0x84 } } },
    'broken-chain',
  ],
  ['a leaf that may certify', { certificates: { leaf: { keyUsage: 0x84 } } }, 'broken-chain'],
  ['a leaf that may not sign', { certificates: { leaf: { keyUsage: 0x40 } } }, 'broken-chain'],
  [
    'an unknown critical extension',
    { certificates: { zonal: { extensions: [extension('0x2a0304', pcr(0), true)] } } },
    'malformed',
  ],
  [
    'an extension twice',
    {
      certificates: {
        zonal: { extensions: [extension('0x2a0304', pcr(0)), extension('0x2a0304', pcr(0))] },
      },
    },
    'malformed',
  ],
  ['an expired link', { certificates: { zonal: { notAfter: TIME - 1n } } }, 'expired'],
  ['a link of later', { certificates: { instance: { notBefore: TIME + 1n } } }, 'not-yet-valid'],
  ['made before its leaf', { map: map => map.set('timestamp', Number(TIME - 4n) * 1000) }, 'wrong-binding'],
  [
    'made after its leaf',
    { map: map => map.set('timestamp', Number(TIME + 10_801n) * 1000) },
    'wrong-binding',
  ],
  ['made later than now', { map: map => map.set('timestamp', Number(TIME + 6n) * 1000) }, 'not-yet-valid'],
  ['a payload that is empty', { payload: () => new Uint8Array(0) }, 'malformed'],
  ['a payload that only begins', { payload: () => Uint8Array.of(0xbf) }, 'malformed'],
  ['a payload larger than any', { payload: () => new Uint8Array(16_385) }, 'too-large'],
  ['a payload that is null', { document: withPayload(null) }, 'malformed'],
  ['a payload that is no byte string', { document: withPayload(new Map()) }, 'malformed'],
  ['a signature too short', { signature: cut }, 'malformed'],
  ['a signature too long', { signature: longer }, 'malformed'],
  [
    'an array of five',
    { document: bytes => concat(Uint8Array.of(0x85), bytes.subarray(1), Uint8Array.of(0xf6)) },
    'malformed',
  ],
  [
    'an array without end',
    { document: bytes => concat(Uint8Array.of(0x9f), bytes.subarray(1), Uint8Array.of(0xff)) },
    'malformed',
  ],
  [
    'an array in a long form',
    { document: bytes => concat(Uint8Array.of(0x98, 4), bytes.subarray(1)) },
    'malformed',
  ],
  changedHead('a protected header in a long form', '0x44a1013822', '0x5804a1013822'),
  changedHead('another parameter beside the algorithm', '0x44a1013822', '0x46a2013822045801'),
  changedHead('no protected header', '0x44a1013822', '0x40'),
  changedHead('an unprotected header without end', '0xa1013822a0', '0xa1013822bfff'),
  changedHead('an unprotected header that is null', '0xa1013822a0', '0xa1013822f6'),
  ...[...REQUIRED].map((key): BrokenNitroCase => [`no ${key}`, { map: map => map.delete(key) }, 'malformed']),
  ...['', ' ', 'i-0 enc', 'i-0\u007f', 'i-0\n', 'i-é', '\u0000', '~'.repeat(129), `${'~'.repeat(32)} `].map(
    (id): BrokenNitroCase => [
      `module_id ${JSON.stringify(id)}`,
      { map: map => map.set('module_id', id) },
      'malformed',
    ],
  ),
  [
    'a module_id that is no UTF-8',
    { payload: bytes => replaced(bytes, utf8('i-0mock'), fromHex('0x692d30ffffff6b')) },
    'malformed',
  ],
  ['a module_id of bytes', { map: map => map.set('module_id', utf8('i-0')) }, 'malformed'],
  ['a digest of bytes', { map: map => map.set('digest', utf8('SHA384')) }, 'malformed'],
  ['a digest with more behind it', { map: map => map.set('digest', 'SHA3841') }, 'malformed'],
  ['a negative time', { map: map => map.set('timestamp', -1) }, 'malformed'],
  [
    'a time beyond 2^53',
    { payload: bytes => replaced(bytes, encodeCbor(Number(TIME) * 1000), fromHex('0x1b0020000000000000')) },
    'malformed',
  ],
  ['a negative PCR', { map: map => (map.get('pcrs') as CborMap).set(-1, pcr(1)) }, 'malformed'],
  [
    'a PCR twice',
    { payload: bytes => replaced(bytes, fromHex('0x015830a1'), fromHex('0x005830a1')) },
    'malformed',
  ],
  [
    'a PCR’s index in a long form',
    { payload: bytes => replaced(bytes, fromHex('0xb0005830'), fromHex('0xb018005830')) },
    'malformed',
  ],
  [
    'a PCR’s length in a long form',
    { payload: bytes => replaced(bytes, fromHex('0xb0005830'), fromHex('0xb000590030')) },
    'malformed',
  ],
  [
    'a PCR in pieces',
    { payload: bytes => replaced(bytes, fromHex('0xb0005830'), fromHex('0xb0005f5830')) },
    'malformed',
  ],
  ['a PCR of 49 bytes', { pcrs: { 0: longer(pcr(1)) } }, 'malformed'],
  ['a PCR that is null', { map: map => (map.get('pcrs') as CborMap).set(3, null) }, 'malformed'],
  ['PCRs in an array', { map: map => map.set('pcrs', [pcr(1), pcr(1), pcr(1)]) }, 'malformed'],
  [
    'a bundle that is one certificate',
    { map: map => map.set('cabundle', (map.get('cabundle') as Uint8Array[])[0]!) },
    'malformed',
  ],
  [
    'a bundle without end',
    {
      payload: bytes =>
        replaced(
          bytes,
          concat(utf8('cabundle'), Uint8Array.of(0x84)),
          concat(utf8('cabundle'), Uint8Array.of(0x9f)),
        ),
    },
    'malformed',
  ],
  ['a bundle with text in it', { map: map => map.set('cabundle', ['x']) }, 'malformed'],
  ['a bundle with an empty certificate', { chain: bundle => [...bundle, new Uint8Array(0)] }, 'malformed'],
  [
    'a bundle with a certificate of 1,025 bytes',
    { chain: bundle => [...bundle, new Uint8Array(1025)] },
    'malformed',
  ],
  ['a public key of 1,025 bytes', { publicKey: new Uint8Array(1025) }, 'malformed'],
  ['user_data of text', { map: map => map.set('user_data', 'x') }, 'malformed'],
  ['user_data of true', { map: map => map.set('user_data', true) }, 'malformed'],
  [
    'user_data of undefined',
    {
      payload: bytes =>
        replaced(
          bytes,
          concat(utf8('user_data'), Uint8Array.of(0xf6)),
          concat(utf8('user_data'), Uint8Array.of(0xf7)),
        ),
      userData: null,
    },
    'malformed',
  ],
  ['a nonce of a number', { map: map => map.set('nonce', 1) }, 'malformed'],
  ['a key that is a number', { map: map => map.set(0, null) }, 'malformed'],
  [
    'a key of bytes',
    { payload: bytes => replaced(bytes, encodeCbor('nonce'), encodeCbor(utf8('nonce'))) },
    'malformed',
  ],
  [
    'a key with a zero behind it',
    { payload: bytes => replaced(bytes, encodeCbor('nonce'), encodeCbor('nonce\u0000')) },
    'malformed',
  ],
  [
    'a key in a long form',
    { payload: bytes => replaced(bytes, encodeCbor('nonce'), concat(Uint8Array.of(0x78, 5), utf8('nonce'))) },
    'malformed',
  ],
  [
    'fewer keys than there are',
    { payload: bytes => concat(Uint8Array.of(0xa8), bytes.subarray(1)) },
    'malformed',
  ],
  [
    'more keys than there are',
    { payload: bytes => concat(Uint8Array.of(0xaa), bytes.subarray(1)) },
    'malformed',
  ],
  [
    'an instance’s certificate as the leaf',
    { map: instanceAsLeaf, signers: { document: instanceSigner } },
    'broken-chain',
  ],
  ['an instance’s certificate as the leaf, signed by nobody', { map: instanceAsLeaf }, 'broken-chain'],
]
