import { describe, expect, test } from 'vitest'
import {
  createEifSigner,
  type EifFields,
  encodeEif,
  MOCK_METADATA,
  type MockSection,
  mockSections,
  pemOf,
  section,
  signatureSection,
  signEif,
} from '../../test/mock-authority/index.ts'
import {
  concat,
  encodeCbor,
  equalBytes,
  measureEif,
  measurementOfEif,
  NacreError,
  parseEif,
  sha384,
  utf8,
  verifyEifSignature,
} from './index.ts'

const code = (code: string): unknown => expect.objectContaining({ code })
const [kernel, cmdline, metadata, platform, application] = mockSections() as [
  MockSection,
  MockSection,
  MockSection,
  MockSection,
  MockSection,
]
const signer = createEifSigner('eif')
const signed = encodeEif({ sections: [...mockSections(), signEif(mockSections(), signer)] })
const pcr = (...texts: string[]) =>
  sha384(concat(new Uint8Array(48), sha384(concat(...texts.map(text => utf8(text))))))

test('a file is taken apart, and measured over what is booted alone', () => {
  const eif = parseEif(encodeEif())
  expect(eif).toMatchObject({ version: 4, flags: 0, memory: 536_870_912, cpus: 1, cmdline: 'console=ttyS0' })
  expect(eif.metadata).toEqual(MOCK_METADATA)
  expect(eif.ramdisks).toEqual([utf8('platform'), utf8('application')])
  const measured = measureEif(eif)
  expect(measured).toEqual({
    pcr0: pcr('kernel', 'console=ttyS0', 'platform', 'application'),
    pcr1: pcr('kernel', 'console=ttyS0', 'platform'),
    pcr2: pcr('application'),
  })
  const other = { ...MOCK_METADATA, ImageName: 'other' }
  const sections = [kernel, cmdline, section(5, JSON.stringify(other)), platform, application]
  expect(measureEif(parseEif(encodeEif({ sections, memory: 1n })))).toEqual(measured)
  expect(measurementOfEif(measured)).toEqual({
    kind: 'nitro',
    registers: [measured.pcr0, measured.pcr1, measured.pcr2],
  })
})

test('versions 2 and 3, an image for arm64, one ramdisk, metadata and signature anywhere', () => {
  const bare = [kernel, cmdline, platform]
  expect(parseEif(encodeEif({ version: 2, sections: bare }))).not.toHaveProperty('metadata')
  expect(measureEif(parseEif(encodeEif({ version: 3, sections: bare }))).pcr2).toEqual(pcr())
  expect(parseEif(encodeEif({ flags: 1 })).flags).toBe(1)
  expect(parseEif(encodeEif({ sections: [metadata, ...bare] })).ramdisks).toHaveLength(1)
})

test('faster hashes may be passed, and are asked', () => {
  const eif = parseEif(encodeEif())
  const register = new Uint8Array(48).fill(7)
  expect(measureEif(eif, { hashes: { sha384: () => register } }).pcr1).toBe(register)
  expect(() => parseEif(encodeEif(), { hashes: { crc32: () => 1 } })).toThrow(code('invalid-eif'))
})

const sections = (...list: MockSection[]): Partial<EifFields> => ({ sections: list })
const header = (changeHeader: (view: DataView) => void): Partial<EifFields> => ({ changeHeader })
const json = (value: object): Partial<EifFields> =>
  sections(kernel, cmdline, section(5, JSON.stringify(value)), platform)

describe('what is no image is refused', () => {
  const cases: [string, Partial<EifFields>, string?][] = [
    ['another magic number', header(view => view.setUint8(0, 0x2f))],
    ['version 1', { version: 1 }, 'unsupported-version'],
    ['version 5', { version: 5 }, 'unsupported-version'],
    ['an unknown flag', { flags: 2 }],
    ['memory beyond 2^53', { memory: 2n ** 53n }],
    ['reserved bytes', header(view => view.setUint16(24, 1))],
    ['unused bytes', header(view => view.setUint32(540, 1))],
    ['one section', sections(kernel)],
    ['no section', sections()],
    ['33 sections', sections(kernel, cmdline, metadata, ...Array(30).fill(platform))],
    ['a section that is not counted', header(view => view.setUint16(26, 4))],
    ['a counted section that is not there', header(view => view.setUint16(26, 6))],
    ['an offset of one that is not there', header(view => view.setBigUint64(28 + 8 * 31, 1n))],
    ['a gap', header(view => view.setBigUint64(36, view.getBigUint64(36) + 1n))],
    ['an overlap', header(view => view.setBigUint64(36, view.getBigUint64(36) - 1n))],
    ['a section beyond the end', header(view => view.setBigUint64(284 + 8 * 4, 12n))],
    ['a section of nearly 2^64', header(view => view.setBigUint64(284, 2n ** 64n - 1n))],
    ['two sizes of a section', sections({ ...kernel, headerSize: 5 }, cmdline, metadata, platform)],
    ['an empty section', sections(kernel, cmdline, metadata, section(3, ''))],
    ['flags of a section', sections({ ...kernel, flags: 1 }, cmdline, metadata, platform)],
    ['type 0', sections(kernel, cmdline, metadata, platform, section(0, 'x'))],
    ['type 6', sections(kernel, cmdline, metadata, platform, section(6, 'x'))],
    ['another CRC-32', { crcError: 1 }],
    ['no kernel', sections(cmdline, metadata, platform)],
    ['two kernels', sections(kernel, kernel, cmdline, metadata, platform)],
    ['no command line', sections(kernel, metadata, platform)],
    ['two command lines', sections(kernel, cmdline, cmdline, metadata, platform)],
    ['no ramdisk', sections(kernel, cmdline, metadata)],
    ['the command line first', sections(cmdline, kernel, metadata, platform)],
    ['a ramdisk before the command line', sections(kernel, platform, cmdline, metadata)],
    ['no metadata in version 4', sections(kernel, cmdline, platform)],
    ['metadata in version 3', { version: 3 }],
    ['metadata twice', sections(kernel, cmdline, metadata, metadata, platform)],
    ['a command line that is too long', sections(kernel, section(2, 'a'.repeat(4097)), metadata, platform)],
    ['a command line with a zero byte', sections(kernel, section(2, 'a\0b'), metadata, platform)],
    [
      'a command line that is no text',
      sections(kernel, section(2, Uint8Array.of(0xff)), metadata, platform),
      'invalid-text',
    ],
    [
      'metadata that is too long',
      sections(kernel, cmdline, section(5, ' '.repeat(65_537)), platform),
      'too-large',
    ],
    ['metadata that is no JSON', sections(kernel, cmdline, section(5, '{'), platform), 'invalid-json'],
    [
      'metadata without end',
      sections(kernel, cmdline, section(5, '['.repeat(65_536)), platform),
      'invalid-json',
    ],
    ['metadata that is a list', json([]), 'wrong-type'],
    ['metadata without a name', json({ ...MOCK_METADATA, ImageName: undefined }), 'missing-field'],
    ['a name that is a number', json({ ...MOCK_METADATA, ImageName: 1 }), 'wrong-type'],
    ['a build that is null', json({ ...MOCK_METADATA, BuildMetadata: null }), 'wrong-type'],
    ['a build without its time', json({ ...MOCK_METADATA, BuildMetadata: {} }), 'missing-field'],
    ['Docker’s facts as a text', json({ ...MOCK_METADATA, DockerInfo: '' }), 'wrong-type'],
  ]
  test.each(cases)('%s', (_, fields, expected = 'invalid-eif') => {
    expect(() => parseEif(encodeEif(fields))).toThrow(code(expected))
  })
})

test('every flipped byte of the header, every truncation and every added byte is an error with a code', () => {
  const bytes = signed
  const refused = (changed: Uint8Array): void => {
    try {
      parseEif(changed)
    } catch (error) {
      expect(error).toBeInstanceOf(NacreError)
      return
    }
    throw new Error('it was accepted')
  }
  for (let at = 0; at < 548; at++)
    for (const bit of [1, 0x80, 0xff]) refused(bytes.map((byte, i) => (i === at ? byte ^ bit : byte)))
  for (let length = 0; length < bytes.length; length++) refused(bytes.subarray(0, length))
  refused(concat(bytes, Uint8Array.of(0)))
  // In the sections only the CRC-32 sees a change of data.
  for (let at = 548; at < bytes.length; at++) refused(bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)))
})

describe('signatures', () => {
  const valid = { time: 1_800_000_000n }
  const withSignature = (signature: MockSection) => encodeEif({ sections: [...mockSections(), signature] })

  test('PCR 8 is the certificate’s, and the others stay', () => {
    const eif = parseEif(signed)
    const { pcr8, ...others } = measureEif(eif)
    expect(others).toEqual(measureEif(parseEif(encodeEif())))
    expect(pcr8).toEqual(sha384(concat(new Uint8Array(48), sha384(signer.certificate))))
    expect(verifyEifSignature(eif, valid)).toEqual(pcr8)
    expect(verifyEifSignature(eif)).toEqual(pcr8)
  })

  const sign = (...args: [Parameters<typeof signEif>[2]?]) => signEif(mockSections(), signer, ...args)
  const cases: [string, () => MockSection, string?][] = [
    ['another image’s', () => signEif([kernel, cmdline, metadata, platform], signer)],
    ['another register', () => sign({ payload: encodeCbor(new Map([['register_index', 8]])) })],
    [
      'a changed signature',
      () => sign({ changeSignature: bytes => bytes.map((b, i) => (i === 9 ? b ^ 1 : b)) }),
    ],
    ['no signature', () => sign({ changeSignature: () => new Uint8Array(96) })],
    [
      'another’s certificate',
      () => signEif(mockSections(), { ...signer, certificate: createEifSigner('x').certificate }),
    ],
    [
      'a key on P-256',
      () =>
        signEif(mockSections(), createEifSigner('p', 'p256'), { changeSignature: () => new Uint8Array(96) }),
    ],
  ]
  test.each(cases)('%s is refused', (_, make) => {
    expect(() => verifyEifSignature(parseEif(withSignature(make())), valid)).toThrow(
      code('invalid-eif-signature'),
    )
  })

  test('before and after the certificate is valid', () => {
    const eif = parseEif(signed)
    for (const time of [1_600_000_000n, 1_900_000_001n])
      expect(() => verifyEifSignature(eif, { time })).toThrow(code('invalid-eif-signature'))
    expect(() => verifyEifSignature(parseEif(encodeEif()))).toThrow(code('invalid-eif-signature'))
  })

  const pem = pemOf([signer.certificate])
  const malformed: [string, MockSection, string][] = [
    ['no CBOR', section(4, 'x'), 'invalid-cbor'],
    ['too long', section(4, new Uint8Array(32_769)), 'too-large'],
    ['no signature', section(4, encodeCbor([])), 'invalid-eif'],
    ['two', section(4, encodeCbor([new Map(), new Map()])), 'invalid-eif'],
    ['a map that is empty', section(4, encodeCbor([new Map()])), 'invalid-eif'],
    [
      'byte strings',
      section(
        4,
        encodeCbor([
          new Map([
            ['signing_certificate', pem],
            ['signature', pem],
          ]),
        ]),
      ),
      'invalid-eif',
    ],
    [
      'numbers beyond a byte',
      section(
        4,
        encodeCbor([
          new Map([
            ['signing_certificate', [256]],
            ['signature', [-1]],
          ]),
        ]),
      ),
      'invalid-eif',
    ],
    ['no PEM', signatureSection(utf8('none'), utf8('x')), 'invalid-certificate'],
    ['two certificates', signatureSection(concat(pem, pem), utf8('x')), 'too-large'],
  ]
  test.each(malformed)('a section of %s', (_, signature, expected) => {
    expect(() => parseEif(withSignature(signature))).toThrow(code(expected))
  })

  test('in version 2, and twice', () => {
    const signature = sign()
    expect(() =>
      parseEif(encodeEif({ version: 2, sections: [kernel, cmdline, platform, signature] })),
    ).toThrow(code('invalid-eif'))
    expect(() => parseEif(encodeEif({ sections: [...mockSections(), signature, signature] }))).toThrow(
      code('invalid-eif'),
    )
  })

  test('a document that is no COSE', () => {
    const eif = parseEif(withSignature(signatureSection(pem, encodeCbor([1]))))
    expect(() => verifyEifSignature(eif)).toThrow(code('invalid-cose'))
  })
})

test('what is parsed is a view: nothing of the image is copied', () => {
  const bytes = encodeEif()
  const { kernel, ramdisks } = parseEif(bytes)
  expect(kernel.buffer).toBe(bytes.buffer)
  expect(ramdisks.every(ramdisk => ramdisk.buffer === bytes.buffer)).toBe(true)
  expect(equalBytes(kernel, utf8('kernel'))).toBe(true)
})
