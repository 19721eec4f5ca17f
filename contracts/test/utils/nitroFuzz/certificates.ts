import { concat, fromHex, utf8 } from '@nacre/verify'
import { readAll, readOne } from '@nacre/verify/attest/der'
import { mutate, type Random } from '../../../../test/fuzz/mutate.ts'
import { bitString, der, nameOf, octetString, sequence, TRUE } from '../../../../test/mock-authority/der.ts'
import { extension } from '../../../../test/mock-authority/index.ts'
import { encodeDer, mutateDer, parseDer, withChildren } from './derTree.ts'

/** A certificate in parts: what its issuer signs, and what stands around that. */
export type Parts = { signed: Uint8Array; algorithm: Uint8Array }
/** Changes what is signed, as an issuer could. */
type Change = (signed: Uint8Array, random: Random, time: bigint) => { signed: Uint8Array; what: string }

// Where in the signed part.
export const [SERIAL, ALGORITHM, ISSUER, VALIDITY, SUBJECT, KEY, EXTENSIONS] = [1, 2, 3, 4, 5, 6, 7] as const
const CA = extension('0x551d13', sequence(TRUE), true)
const NULL = fromHex('0x0500')

const CHANGES: readonly Change[] = [
  ...new Array<Change>(5).fill((signed, random) => {
    const tree = parseDer(signed)
    const what = mutateDer(tree, random)
    return { signed: encodeDer(tree), what }
  }),
  (signed, random) => ({ signed: mutate(signed, random, signed), what: 'bytes' }),
  ...new Array<Change>(2).fill((signed, random, time) => {
    const times = readAll(readAll(readOne(signed, 0x30))[VALIDITY]!.content).map(one => one.bytes)
    const changed = random.below(4)
    if (changed !== 0) times[0] = timeOf(random, time, false)
    if (changed !== 1) times[1] = timeOf(random, time, true)
    return part(signed, VALIDITY, sequence(...times), `times ${times.map(hex).join(' ')}`)
  }),
  (signed, random) => {
    const digits = new Uint8Array(random.pick([0, 1, 2, 8, 19, 20, 21])).map(() =>
      random.pick([0, 0, 1, 0x7f, 0x80, 0xff]),
    )
    return part(signed, SERIAL, der(0x02, digits), `serial ${hex(digits)}`)
  },
  ...new Array<Change>(2).fill((signed, random) => {
    const all = Array.from({ length: 1 + random.below(4) }, () => extensionOf(random))
    return part(signed, EXTENSIONS, der(0xa3, sequence(...all)), `extensions ${all.map(hex).join(' ')}`)
  }),
  (signed, random) => {
    // One of them replaced, the others as they were.
    const all = readAll(readOne(readAll(readOne(signed, 0x30))[EXTENSIONS]!.content, 0x30)).map(
      one => one.bytes,
    )
    const one = extensionOf(random)
    all[random.below(all.length + 1)] = one
    return part(signed, EXTENSIONS, der(0xa3, sequence(...all)), `extension ${hex(one)}`)
  },
  (signed, random) => {
    const at = random.pick([ISSUER, SUBJECT])
    const name = random.pick([
      sequence(),
      nameOf(''),
      sequence(NULL),
      der(0x30, Uint8Array.of(1, 2, 3)),
      nameOf('x'),
    ])
    return part(signed, at, name, `name ${at} ${hex(name)}`)
  },
  (signed, random) => {
    const id = random.pick([
      '0x06082a8648ce3d040303',
      '0x06082a8648ce3d040302',
      '0x06082a8648ce3d0403030500',
    ] as const)
    return part(signed, ALGORITHM, sequence(fromHex(id)), `algorithm ${id}`)
  },
  (signed, random) => {
    const point = pointOf(signed)!
    const odd = random.below(3)
    const unused = odd === 0 ? 1 : 0
    const points = [point.with(0, random.pick([0, 2, 3, 5, 6])), point.subarray(1), concat(point, NULL)]
    const changed = odd === 1 ? random.pick(points) : point
    const others = ['0x06082a8648ce3d030107', '0x0500', '0x', '0x06052b81040023'] as const
    const curve = odd === 2 ? random.pick(others) : '0x06052b81040022'
    const algorithm = sequence(fromHex('0x06072a8648ce3d0201'), fromHex(curve))
    return part(
      signed,
      KEY,
      sequence(algorithm, bitString(changed, unused)),
      `key ${curve} ${changed.length} ${unused}`,
    )
  },
]

/** Changes a certificate at one place. */
export function mutateSigned(
  signed: Uint8Array,
  random: Random,
  time: bigint,
): { signed: Uint8Array; what: string } {
  return random.pick(CHANGES)(signed, random, time)
}

/** r and s in forms of DER, right and wrong, and the elements around them. */
export function mutateSignature(
  certificate: Uint8Array,
  random: Random,
): { certificate: Uint8Array; what: string } {
  if (random.below(8) === 0)
    return { certificate: mutate(certificate, random, certificate), what: 'bytes of all' }
  const [whole] = parseDer(certificate)
  const parts = whole!.children!
  parts[2] = withChildren(0x03, parts[2]!.content, 1)
  const signature = parts[2].children![0]!
  const numbers = signature.children!
  if (random.below(3) === 0) {
    const at = random.below(2)
    const forms = [
      [0],
      [],
      [0, 0],
      [0x80],
      [0, 0x7f],
      [0, 0x80],
      new Array(48).fill(0xff),
      [0, ...new Array(48).fill(0xff)],
    ]
    const digits = random.pick([
      ...forms,
      [1, ...new Array(48).fill(1)],
      new Array(49).fill(1),
      [0, ...new Array(49).fill(0xff)],
    ])
    numbers[at] = { tag: 0x02, content: Uint8Array.from(digits) }
    return { certificate: encodeDer([whole!]), what: `number ${at} ${hex(Uint8Array.from(digits))}` }
  }
  // Not in what is signed.
  parts[0] = { tag: 0x30, content: encodeDer(parts[0]!.children!) }
  const tree = [whole!]
  return { what: mutateDer(tree, random), certificate: encodeDer(tree) }
}

/** The point of a signed part, if it can be read. */
export function pointOf(signed: Uint8Array): Uint8Array | undefined {
  try {
    const [, key] = readAll(readAll(readOne(signed, 0x30))[KEY]!.content)
    return key!.content.subarray(1)
  } catch {
    return undefined
  }
}

/** The AlgorithmIdentifier inside, which stands outside too; AWS's where there is none. */
export function algorithmIn(signed: Uint8Array): Uint8Array {
  try {
    const element = readAll(readOne(signed, 0x30))[ALGORITHM]!
    if (element.tag === 0x30) return element.bytes
  } catch {}
  return sequence(fromHex('0x06082a8648ce3d040303'))
}

/** One element of the signed part replaced. */
export function withPart(signed: Uint8Array, index: number, to: Uint8Array): Uint8Array {
  const parts = readAll(readOne(signed, 0x30)).map(({ bytes }) => bytes)
  return sequence(...parts.map((bytes, i) => (i === index ? to : bytes)))
}

function part(signed: Uint8Array, index: number, to: Uint8Array, what: string) {
  return { signed: withPart(signed, index, to), what }
}

const STARTS = [0, 1, 99, 1582, 1900, 1949, 1950, 1969, 1970, 1999, 2000, 2024, 2026]
const ENDS = [2026, 2028, 2049, 2050, 2051, 2100, 2400, 9999]
/** Month, day, hour, minute, second: at edges of the calendar, and what is beyond them. */
const USUAL: readonly (readonly string[])[] = [
  ['01', '02', '04', '12'],
  ['01', '28'],
  ['00', '12', '23'],
  ['00', '59'],
  ['00', '59'],
]
const ODD: readonly (readonly string[])[] = [
  ['00', '13'],
  ['00', '29', '30', '31', '32'],
  ['24', '25'],
  ['60', '99'],
  ['60', '61'],
]

/** UTCTime or GeneralizedTime: at edges of the calendar, near `time`, or no time at all. */
function timeOf(random: Random, time: bigint, isEnd: boolean): Uint8Array {
  const near = new Date(Number(time + BigInt(random.pick([-86_400, 0, 59, 60, 61, 86_400]))) * 1000)
  const parts = USUAL.map(values => random.pick(values))
  if (random.below(2) === 0) {
    const at = random.below(parts.length)
    parts[at] = random.pick(ODD[at]!)
    if (at === 1) parts[0] = random.pick(['02', '02', '04'])
  }
  const edge = `${String(random.pick(isEnd ? ENDS : STARTS)).padStart(4, '0')}${parts.join('')}Z`
  let text = random.below(4) === 0 ? near.toISOString().replace(/[-T:]|\.000/g, '') : edge
  const isUtc = random.below(2) === 0
  if (isUtc) text = text.slice(2)
  if (random.below(6) === 0) {
    const at = random.below(text.length)
    text =
      text.slice(0, at) +
      random.pick(['/', ':', ' ', 'Z', '-', '\u0000', 'ÿ', '', '+', '.']) +
      text.slice(at + 1)
  }
  if (random.below(10) === 0) text = text.replace('Z', random.pick(['', '+0000', '.0Z', 'z', 'ZZ']))
  const tag = random.below(12) === 0 ? random.pick([0x17, 0x18, 0x13]) : isUtc ? 0x17 : 0x18
  return der(
    tag,
    Uint8Array.from(text, c => c.charCodeAt(0)),
  )
}

/** An extension that attestation knows, or not, in a form that DER knows, or not. */
function extensionOf(random: Random): Uint8Array {
  const critical = random.pick([
    [],
    [],
    TRUE,
    TRUE,
    TRUE,
    fromHex('0x010100'),
    fromHex('0x010101'),
    fromHex('0x0100'),
  ])
  const [id, value] = random.pick([constraintsOf, usageOf, unknownOf])(random)
  return sequence(der(0x06, fromHex(id)), Uint8Array.from(critical), octetString(value))
}

type Extension = [id: `0x${string}`, value: Uint8Array]

function constraintsOf(random: Random): Extension {
  const flag = random.pick([
    [],
    TRUE,
    TRUE,
    TRUE,
    TRUE,
    fromHex('0x010100'),
    fromHex('0x010101'),
    fromHex('0x0102ffff'),
  ])
  const lengths = [
    '0x',
    '0x020100',
    '0x020101',
    '0x020102',
    '0x020103',
    '0x02017f',
    '0x02020080',
    '0x020200ff',
  ] as const
  const wrong = ['0x020180', '0x02020100', '0x02020001', '0x0200', '0x030100', '0x0201010500'] as const
  const length = fromHex(random.below(3) > 0 ? random.pick(lengths) : random.pick(wrong))
  return ['0x551d13', sequence(Uint8Array.from(flag), length)]
}

function usageOf(random: Random): Extension {
  const first = random.pick([0x04, 0x06, 0x84, 0x86, 0x80, 0xc0, 0x00, 0x01, 0x02, 0xff])
  const size = random.pick([0, 1, 1, 1, 1, 1, 1, 2])
  return [
    '0x551d0f',
    bitString(Uint8Array.of(first, 0x80).subarray(0, size), random.pick([0, 0, 0, 1, 2, 6, 7, 8])),
  ]
}

function unknownOf(random: Random): Extension {
  const id = random.pick([
    '0x',
    '0x55',
    '0x551d',
    '0x551d0e',
    '0x551d1300',
    '0x551d0f00',
    '0x2a0304',
  ] as const)
  return [id, random.pick([new Uint8Array(0), NULL, CA, utf8('x'.repeat(random.below(200)))])]
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
