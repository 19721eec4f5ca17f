import { type CborValue, encodeCbor } from '@nacre/verify'
import { expect, test } from 'vitest'
import { forOneIdentity } from './oneIdentity.ts'

const bytes = (length: number, value = 1) => new Uint8Array(length).fill(value)
const request = (userData: CborValue, nonce: CborValue = bytes(32), extra: [string, CborValue][] = []) =>
  encodeCbor(
    new Map([
      [
        'Attestation',
        new Map<string, CborValue>([
          ['user_data', userData],
          ['nonce', nonce],
          ['public_key', null],
          ...extra,
        ]),
      ],
    ]),
  )

test('evidence is made of the first identity that is asked about, over any nonce, and of no other', () => {
  const passed: Uint8Array[] = []
  const call = forOneIdentity(asked => {
    passed.push(asked)
    return bytes(1)
  })
  const own = request(bytes(32))
  expect(call(own)).toEqual(bytes(1))
  expect(call(request(bytes(32), bytes(64, 9)))).toEqual(bytes(1))
  expect(() => call(request(bytes(32, 2)))).toThrow('another identity')
  expect(call(own)).toEqual(bytes(1))
  expect(passed).toEqual([own, request(bytes(32), bytes(64, 9)), own])
})

test('requests are known whatever the length of the nonce', () => {
  const call = forOneIdentity(() => bytes(1))
  for (let size = 1; size <= 64; size++) expect(call(request(bytes(32), bytes(size, 9)))).toEqual(bytes(1))
  const whole = Buffer.from(request(bytes(32)))
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole)
    changed[at]! ^= 1
    // In the nonce it may be anything.
    const inNonce = at >= whole.length - 12 - 32 && at < whole.length - 12
    if (inNonce) expect(call(changed)).toEqual(bytes(1))
    else expect(() => call(changed), `byte ${at}`).toThrow()
    expect(() => call(whole.subarray(0, at))).toThrow()
  }
})

test.each<[string, Uint8Array]>([
  ['what else a module does', encodeCbor('DescribeNSM')],
  [
    'extending a register',
    encodeCbor(
      new Map([
        [
          'ExtendPCR',
          new Map<string, CborValue>([
            ['index', 16],
            ['data', bytes(4)],
          ]),
        ],
      ]),
    ),
  ],
  [
    'two requests in one',
    encodeCbor(
      new Map<string, CborValue>([
        ['Attestation', null],
        ['GetRandom', null],
      ]),
    ),
  ],
  ['no user data', request(null)],
  ['user data of another size', request(bytes(64))],
  ['no nonce', request(bytes(32), null)],
  ['a long nonce', request(bytes(32), bytes(65))],
  ['a field too many', request(bytes(32), bytes(32), [['more', null]])],
  ['no CBOR', Uint8Array.of(0xff)],
  ['more than a request', bytes(5000)],
])('%s is refused, and is no identity', (_, asked) => {
  const call = forOneIdentity(() => bytes(1))
  expect(() => call(asked)).toThrow()
  expect(call(request(bytes(32, 7)))).toEqual(bytes(1))
})
