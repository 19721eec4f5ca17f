import { bitString, der, integer, octetString, sequence, TRUE } from '../../../test/mock-authority/der.ts'
import { createSigner, extension, type X509Fields } from '../../../test/mock-authority/index.ts'
import { readAll, readOne } from '../../src/attest/der.ts'
import { concat, fromHex, type Hex, utf8, type VerdictCode } from '../../src/index.ts'
import { otherEs384 } from '../p256.ts'
import { type BrokenNitroCase, cut, longer, type NitroCase, pcr, rootSigner, TIME } from './authority.ts'

// Where in the signed part.
const VERSION = 0
export const SERIAL = 1
const ALGORITHM = 2
const VALIDITY = 4
const KEY = 6
const EXTENSIONS = 7

const P384_KEY = sequence(fromHex('0x06072a8648ce3d0201'), fromHex('0x06052b81040022'))
const P256_KEY = sequence(fromHex('0x06072a8648ce3d0201'), fromHex('0x06082a8648ce3d030107'))
const ECDSA_SHA256 = sequence(fromHex('0x06082a8648ce3d040302'))
const ECDSA_SHA384 = sequence(fromHex('0x06082a8648ce3d040303'))
const ECDSA_SHA512 = sequence(fromHex('0x06082a8648ce3d040304'))
const NULL = fromHex('0x0500')
const POINT = createSigner('p384', 'another holder').publicKey
const OTHER_CURVE = createSigner('p256', 'x')
const CA = extension('0x551d13', sequence(TRUE), true)
const CERT_SIGN_BITS = bitString(Uint8Array.of(0x04), 2)
const CERT_SIGN_VALUE = octetString(CERT_SIGN_BITS)
const CERT_SIGN = extension('0x551d0f', CERT_SIGN_BITS, true)

/** Certificates as AWS does not issue them but might, all valid. */
export const VALID_CERTIFICATES: NitroCase[] = [
  ...(['regional', 'zonal', 'instance', 'leaf'] as const).map(
    (link): NitroCase => [
      `the other signature of the ${link} certificate`,
      { certificates: { [link]: { changeSignature: otherEs384 } } },
    ],
  ),
  ok('a serial number of zero', part(SERIAL, integer(Uint8Array.of(0)))),
  ok('a serial number of 20 bytes', part(SERIAL, integer(new Uint8Array(20).fill(0xff)))),
  ok('no extension but two that are not critical', extensions(notCritical(CA), notCritical(CERT_SIGN))),
  ok('an extension with an empty name', extensions(CA, CERT_SIGN, extension('0x', pcr(0)))),
  ok('an extension with an empty value', extensions(CA, CERT_SIGN, extension('0x2a0304', new Uint8Array(0)))),
  ok('thirty extensions', extensions(CA, CERT_SIGN, ...many(28))),
  ok('a path length of 255', extensions(constraints(TRUE, integer(Uint8Array.of(255))), CERT_SIGN)),
  ok('both times GeneralizedTime', validity(general('20260101000000Z'), general('20301231235959Z'))),
  ok('valid since 1950', validity(utc('500101000000Z'), utc('491231235959Z'))),
  ok('valid since year 0, for ever', validity(general('00000101000000Z'), general('99991231235959Z'))),
  ok('valid for this second alone', { notBefore: TIME, notAfter: TIME }),
  [
    'a document older than its instance’s certificate',
    {
      certificates: { instance: { notBefore: TIME - 1n } },
      map: map => map.set('timestamp', Number(TIME - 2n) * 1000),
    },
  ],
  ['the root twice', { chain: ([root, ...rest]) => [root!, root!, ...rest] }],
  ['a bundle of eight', { chain: ([root, ...rest]) => [...Array<Uint8Array>(5).fill(root!), ...rest] }],
  [
    'a leaf that the root issued',
    {
      chain: bundle => bundle.slice(0, 1),
      certificates: { leaf: { issuer: 'mock root' } },
      signers: { leaf: rootSigner },
    },
  ],
]

/** Each is of the zonal certificate, where nothing else is said. */
export const BROKEN_CERTIFICATES: BrokenNitroCase[] = [
  bad('version 2', part(VERSION, fromHex('0xa003020101'))),
  bad('a version in two bytes', part(VERSION, fromHex('0xa00402020002'))),
  bad('no version', part(VERSION, new Uint8Array(0))),
  bad('a negative serial number', part(SERIAL, fromHex('0x0201ff'))),
  bad('an empty serial number', part(SERIAL, fromHex('0x0200'))),
  bad('a serial number with a zero too many', part(SERIAL, fromHex('0x02020001'))),
  bad('a serial number of 21 bytes', part(SERIAL, integer(new Uint8Array(21).fill(1)))),
  bad('a length of one in two bytes', part(SERIAL, fromHex('0x02810101'))),
  bad('a length of one in three bytes', part(SERIAL, fromHex('0x0282000101'))),
  bad('an indefinite length', part(SERIAL, fromHex('0x02800100'))),
  bad('a length of four bytes', part(SERIAL, fromHex('0x028400000001'))),
  bad('an element longer than what holds it', part(SERIAL, fromHex('0x027f01'))),
  bad('a tag of two bytes', part(SERIAL, fromHex('0x1f020101'))),
  bad('another algorithm inside', part(ALGORITHM, ECDSA_SHA256)),
  bad('an algorithm with parameters', part(ALGORITHM, sequence(fromHex('0x06082a8648ce3d040303'), NULL))),
  bad(
    'a unique identifier',
    part(KEY, key => concat(key, fromHex('0x8101ff'))),
  ),
  bad(
    'something behind the extensions',
    part(EXTENSIONS, all => concat(all, NULL)),
  ),
  bad('no extensions field', part(EXTENSIONS, new Uint8Array(0))),
  bad('extensions that are no sequence', part(EXTENSIONS, der(0xa3, NULL))),
  bad('extensions and something else', part(EXTENSIONS, der(0xa3, sequence(CA, CERT_SIGN), NULL))),
  bad(
    'something behind the signed part',
    changed(bytes => concat(bytes, NULL)),
  ),
  bad('something behind the signature', { outer: ([a, b, c]) => [a!, b!, c!, NULL] }),
  bad('another algorithm outside', { outer: ([a, , c]) => [a!, ECDSA_SHA256, c!] }),
  bad('another algorithm inside and outside, and no other signature', {
    ...part(ALGORITHM, ECDSA_SHA256),
    outer: ([a, , c]) => [a!, ECDSA_SHA256, c!],
  }),
  bad('ECDSA with SHA-512 inside and outside', {
    ...part(ALGORITHM, ECDSA_SHA512),
    outer: ([a, , c]) => [a!, ECDSA_SHA512, c!],
  }),
  bad('a signature with unused bits', {
    outer: ([a, b, c]) => [a!, b!, bitString(readOne(c!, 3).subarray(1), 1)],
  }),
  bad('a signature in an octet string', {
    outer: ([a, b, c]) => [a!, b!, octetString(readOne(c!, 3).subarray(1))],
  }),
  bad('an empty signature', { outer: ([a, b]) => [a!, b!, fromHex('0x0300')] }),
  bad('a byte behind it', { whole: longer }),
  bad('a byte too few', { whole: cut }),
  bad('another tag', { whole: bytes => concat(Uint8Array.of(0x31), bytes.subarray(1)) }),
  bad(
    'a signature of three numbers',
    signatureOf(fromHex('0x020101'), fromHex('0x020101'), fromHex('0x020101')),
  ),
  bad('a signature of one number', signatureOf(fromHex('0x020101'))),
  bad('a negative r', signatureOf(fromHex('0x0201ff'), fromHex('0x020101'))),
  bad('an r with a zero too many', signatureOf(fromHex('0x02020001'), fromHex('0x020101'))),
  bad('an r of 49 bytes', signatureOf(integer(new Uint8Array(49).fill(1)), fromHex('0x020101'))),
  bad('an s of 49 bytes', signatureOf(fromHex('0x020101'), integer(new Uint8Array(49).fill(1)))),
  bad('an r of zero', signatureOf(fromHex('0x020100'), fromHex('0x020101')), 'broken-chain'),
  bad('an s of zero', signatureOf(fromHex('0x020101'), fromHex('0x020100')), 'broken-chain'),
  bad('r and s of 1', signatureOf(fromHex('0x020101'), fromHex('0x020101')), 'broken-chain'),
  bad('r and s of 48 bytes of ones', signatureOf(integer(pcr(0xff)), integer(pcr(0xff))), 'broken-chain'),

  bad('one time', validity(utc('260101000000Z'))),
  bad('three times', validity(utc('260101000000Z'), utc('491231235959Z'), utc('491231235959Z'))),
  ...[
    '2601010000Z',
    '260101000000+0000',
    '260101000000',
    '261301000000Z',
    '260001000000Z',
    '260230000000Z',
    '270229000000Z',
    '260100000000Z',
    '260132000000Z',
    '260101240000Z',
    '260101006000Z',
    '260101000060Z',
    '26010100000aZ',
    ' 60101000000Z',
    '260101000000z',
  ].map(time => bad(`UTCTime ${time}`, validity(utc(time), utc('491231235959Z')))),
  ...['20260101000000.0Z', '202601010000Z', '21000229000000Z', '2026010100000Z', '20260101000000z'].map(
    time => bad(`GeneralizedTime ${time}`, validity(general(time), utc('491231235959Z'))),
  ),
  bad('a time that is text', validity(der(0x16, utf8('260101000000Z')), utc('491231235959Z'))),
  bad('valid until 1969', validity(utc('500101000000Z'), utc('691231235959Z')), 'expired'),
  bad('valid until the last second', { notAfter: TIME - 1n }, 'expired'),
  bad('valid from the next second', { notBefore: TIME + 1n }, 'not-yet-valid'),

  bad('a key with unused bits', part(KEY, sequence(P384_KEY, bitString(POINT, 1)))),
  bad('a key in an octet string', part(KEY, sequence(P384_KEY, octetString(POINT)))),
  bad('a key and something else', part(KEY, sequence(P384_KEY, bitString(POINT), NULL))),
  bad(
    'a compressed key',
    part(KEY, sequence(P384_KEY, bitString(concat(Uint8Array.of(2), POINT.subarray(1, 49))))),
  ),
  bad('a key marked as compressed', part(KEY, sequence(P384_KEY, bitString(POINT.with(0, 2))))),
  bad('a key marked as hybrid', part(KEY, sequence(P384_KEY, bitString(POINT.with(0, 6))))),
  bad('a key a byte too short', part(KEY, sequence(P384_KEY, bitString(cut(POINT))))),
  bad('a key a byte too long', part(KEY, sequence(P384_KEY, bitString(longer(POINT))))),
  bad('an empty key', part(KEY, sequence(P384_KEY, fromHex('0x0300')))),
  bad('a key of no curve', part(KEY, sequence(sequence(fromHex('0x06072a8648ce3d0201')), bitString(POINT)))),
  bad('a key on P-256', part(KEY, sequence(P256_KEY, bitString(OTHER_CURVE.publicKey))), 'broken-chain'),
  bad('another key', part(KEY, sequence(P384_KEY, bitString(POINT))), 'broken-chain'),
  [
    'a leaf with a key on P-256',
    {
      certificates: {
        leaf: part(KEY, sequence(P256_KEY, bitString(OTHER_CURVE.publicKey))),
      },
    },
    'broken-chain',
  ],
  [
    'a leaf with another key',
    { certificates: { leaf: part(KEY, sequence(P384_KEY, bitString(POINT))) } },
    'bad-signature',
  ],
  [
    'a link on P-256 that signs the next one',
    {
      certificates: { zonal: part(KEY, sequence(P256_KEY, bitString(OTHER_CURVE.publicKey))) },
      signers: { instance: OTHER_CURVE },
    },
    'broken-chain',
  ],
  [
    'a link that may sign documents alone',
    { certificates: { instance: { authority: false, pathLength: undefined as never, keyUsage: 0x80 } } },
    'broken-chain',
  ],
  ['a link signed with P-256', { signers: { zonal: OTHER_CURVE } }, 'broken-chain'],

  bad('no extensions at all', extensions(), 'broken-chain'),
  bad('constraints twice', extensions(CA, CERT_SIGN, CA)),
  bad('key usage twice', extensions(CA, CERT_SIGN, CERT_SIGN)),
  bad('an unknown extension twice', extensions(CA, CERT_SIGN, ...many(1), ...many(3))),
  bad(
    'an extension with an empty name twice',
    extensions(CA, CERT_SIGN, extension('0x', pcr(0)), extension('0x', pcr(1))),
  ),
  bad('an unknown critical extension', extensions(CA, CERT_SIGN, extension('0x551d1e', sequence(), true))),
  bad('critical, false', extensions(CA, raw('0x551d0f', fromHex('0x010100'), CERT_SIGN_VALUE))),
  bad('critical, true as 1', extensions(CA, raw('0x551d0f', fromHex('0x010101'), CERT_SIGN_VALUE))),
  bad('critical, in two bytes', extensions(CA, raw('0x551d0f', fromHex('0x0102ffff'), CERT_SIGN_VALUE))),
  bad('critical twice', extensions(CA, raw('0x551d0f', concat(TRUE, TRUE), CERT_SIGN_VALUE))),
  bad('an extension without a value', extensions(CA, CERT_SIGN, sequence(fromHex('0x06032a0304')))),
  bad(
    'an extension whose value is no octet string',
    extensions(CA, CERT_SIGN, sequence(fromHex('0x06032a0304'), NULL)),
  ),
  bad(
    'an extension with two values',
    extensions(CA, CERT_SIGN, raw('0x2a0304', octetString(NULL), octetString(NULL))),
  ),
  bad('an extension without a name', extensions(CA, CERT_SIGN, sequence(octetString(NULL)))),
  bad(
    'an extension that is a set',
    extensions(CA, CERT_SIGN, der(0x31, fromHex('0x06032a0304'), octetString(NULL))),
  ),

  bad('no authority, said', extensions(constraints(fromHex('0x010100')), CERT_SIGN)),
  bad('authority, as 1', extensions(constraints(fromHex('0x010101')), CERT_SIGN)),
  bad('a path length without authority', extensions(constraints(integer(Uint8Array.of(1))), CERT_SIGN)),
  bad('a path length of 256', extensions(constraints(TRUE, fromHex('0x02020100')), CERT_SIGN)),
  bad('a negative path length', extensions(constraints(TRUE, fromHex('0x0201ff')), CERT_SIGN)),
  bad('a path length with a zero too many', extensions(constraints(TRUE, fromHex('0x02020001')), CERT_SIGN)),
  bad('an empty path length', extensions(constraints(TRUE, fromHex('0x0200')), CERT_SIGN)),
  bad(
    'something behind the path length',
    extensions(constraints(TRUE, integer(Uint8Array.of(1)), NULL), CERT_SIGN),
  ),
  bad(
    'constraints and something else',
    extensions(extension('0x551d13', concat(sequence(TRUE), NULL)), CERT_SIGN),
  ),
  bad(
    'a path length of zero above another authority',
    extensions(constraints(TRUE, integer(Uint8Array.of(0))), CERT_SIGN),
    'broken-chain',
  ),
  bad('empty constraints', extensions(constraints(), CERT_SIGN), 'broken-chain'),
  bad('no constraints', extensions(CERT_SIGN), 'broken-chain'),
  bad('no key usage', extensions(CA), 'broken-chain'),

  bad('key usage without bits', extensions(CA, usage('0x030100')), 'broken-chain'),
  bad('key usage without bits, some unused', extensions(CA, usage('0x030103')), 'broken-chain'),
  bad('an empty key usage', extensions(CA, usage('0x0300'))),
  bad('key usage with eight unused bits', extensions(CA, usage('0x03020804'))),
  bad('key usage of two bytes', extensions(CA, usage('0x0303070480'))),
  bad('key usage with an unused bit set', extensions(CA, usage('0x03020304'))),
  bad('key usage and something else', extensions(CA, usage('0x030202040500'))),
  bad('key usage that is no bit string', extensions(CA, usage('0x04020204'))),
  bad('key usage of CRLs alone', extensions(CA, usage('0x03020102')), 'broken-chain'),
]

function ok(name: string, zonal: Partial<X509Fields>): NitroCase {
  return [name, { certificates: { zonal } }]
}

/** What an issuer can change, or what happens to an issued certificate: its three parts, or all of it. */
type Change = Partial<X509Fields> & {
  outer?: (parts: Uint8Array[]) => Uint8Array[]
  whole?: (bytes: Uint8Array) => Uint8Array
}

function bad(name: string, change: Change, code: VerdictCode = 'malformed'): BrokenNitroCase {
  const { outer, whole = same, ...zonal } = change
  const reissue = (bytes: Uint8Array): Uint8Array =>
    whole(outer ? sequence(...outer(readAll(readOne(bytes, 0x30)).map(({ bytes }) => bytes))) : bytes)
  const chain = (bundle: Uint8Array[]) => bundle.map((one, i) => (i === 2 ? reissue(one) : one))
  return [name, { certificates: { zonal }, chain }, code]
}

/** Another element in the signed part, which is signed then. */
export function part(
  index: number,
  to: Uint8Array | ((from: Uint8Array) => Uint8Array),
): Partial<X509Fields> {
  return changed(signed => {
    const parts = readAll(signed).map(({ bytes }) => bytes)
    return concat(
      ...parts.map((bytes, i) => (i !== index ? bytes : to instanceof Uint8Array ? to : to(bytes))),
    )
  })
}

/** Another content of the signed part. */
function changed(change: (content: Uint8Array) => Uint8Array): Partial<X509Fields> {
  return { changeSigned: bytes => sequence(change(readOne(bytes, 0x30))) }
}

function validity(...times: Uint8Array[]): Partial<X509Fields> {
  return part(VALIDITY, sequence(...times))
}

function extensions(...all: Uint8Array[]): Partial<X509Fields> {
  return part(EXTENSIONS, der(0xa3, sequence(...all)))
}

function constraints(...parts: Uint8Array[]): Uint8Array {
  return extension('0x551d13', sequence(...parts), true)
}

function usage(bits: Hex): Uint8Array {
  return extension('0x551d0f', fromHex(bits), true)
}

function raw(id: Hex, ...rest: Uint8Array[]): Uint8Array {
  return sequence(der(0x06, fromHex(id)), ...rest)
}

function notCritical(of: Uint8Array): Uint8Array {
  const [id, , value] = readAll(readOne(of, 0x30))
  return sequence(id!.bytes, value!.bytes)
}

function many(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    sequence(der(0x06, Uint8Array.of(0x2a, 3, i)), octetString(NULL)),
  )
}

function signatureOf(...numbers: Uint8Array[]): Change {
  return { outer: ([signed]) => [signed!, ECDSA_SHA384, bitString(sequence(...numbers))] }
}

function utc(text: string): Uint8Array {
  return der(0x17, utf8(text))
}

function general(text: string): Uint8Array {
  return der(0x18, utf8(text))
}

function same(bytes: Uint8Array): Uint8Array {
  return bytes
}
