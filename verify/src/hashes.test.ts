import { encodeAbiParameters, keccak256 as viemKeccak256, sha256 as viemSha256 } from 'viem'
import { describe, expect, test } from 'vitest'
import {
  configHash,
  type EnclaveConfig,
  type Hex,
  keccak256,
  parametersHash,
  requestId,
  type Usage,
  usageHash,
  userData,
  utf8,
  ZERO_HASH,
} from './index.ts'

/** What docs/protocol.md writes as abi.encode, by a library for Solidity. */
const encoded = (types: string, ...values: unknown[]): Hex =>
  encodeAbiParameters(
    types.split(' ').map(type => ({ type })),
    values,
  )

const A: Hex = `0x${'a1'.repeat(20)}`
const B: Hex = `0x${'b2'.repeat(20)}`
const H: Hex = `0x${'c3'.repeat(32)}`
const LAST_64 = 2n ** 64n - 1n
const LAST_256 = 2n ** 256n - 1n
const config: EnclaveConfig = {
  version: 1,
  chainId: LAST_256,
  registry: A,
  operator: B,
  releaseId: H,
  maxInput: 2 ** 32 - 1,
  maxOutput: 0,
}
const usage: Usage = { units: LAST_64, price: LAST_256, token: A, maxOutput: 2 ** 32 - 1 }
const relay = { type: 'relay', relay: A, consumer: B, nonce: LAST_64 } as const

test('each hash is the one that a contract makes, at the ends of its types', () => {
  const requestTypes = 'uint256 address address uint64'
  expect(requestId(LAST_256, relay)).toBe(viemKeccak256(encoded(requestTypes, LAST_256, A, B, LAST_64)))
  const tag = keccak256(utf8('nacre.client-request'))
  const client = viemKeccak256(encoded('bytes32 bytes32', tag, H))
  expect([requestId(1n, { type: 'client', nonce: H }), requestId(2n, { type: 'client', nonce: H })]).toEqual([
    client,
    client,
  ])
  expect(usageHash(usage)).toBe(
    viemKeccak256(encoded('uint64 uint256 address uint32', LAST_64, LAST_256, A, 2 ** 32 - 1)),
  )
  expect(parametersHash({ engine: 'é', seed: LAST_256 })).toBe(
    viemKeccak256(encoded('uint16 bytes32 uint256', 1, keccak256(utf8('é')), LAST_256)),
  )
  const configTypes = 'uint16 uint256 address address bytes32 uint32 uint32'
  expect(configHash(config)).toBe(viemKeccak256(encoded(configTypes, 1, LAST_256, A, B, H, 2 ** 32 - 1, 0)))
  const engine = { ...config, version: 2, engineHash: H } as const
  expect(configHash(engine)).toBe(
    viemKeccak256(encoded(`${configTypes} bytes32`, 2, LAST_256, A, B, H, 2 ** 32 - 1, 0, H)),
  )
  const identity = { version: 1, receiptKey: A, tlsKeyHash: ZERO_HASH, hpkeKey: H, configHash: H } as const
  expect(userData(identity)).toBe(
    viemSha256(encoded('uint16 address bytes32 bytes32 bytes32', 1, A, ZERO_HASH, H, H)),
  )
})

describe('what a contract could not encode is refused', () => {
  const cases: [string, () => unknown, string][] = [
    [
      'a nonce beyond 64 bits',
      () => requestId(1n, { ...relay, nonce: LAST_64 + 1n }),
      'integer-out-of-range',
    ],
    ['a negative chain', () => requestId(-1n, relay), 'integer-out-of-range'],
    ['an address in capitals', () => requestId(1n, { ...relay, relay: '0xAA' as Hex }), 'invalid-hex'],
    ['a short client nonce', () => requestId(1n, { type: 'client', nonce: '0x00' }), 'invalid-hex'],
    ['units beyond 64 bits', () => usageHash({ ...usage, units: LAST_64 + 1n }), 'integer-out-of-range'],
    ['a fraction of an output', () => usageHash({ ...usage, maxOutput: 0.5 }), 'integer-out-of-range'],
    ['an output beyond 32 bits', () => usageHash({ ...usage, maxOutput: 2 ** 32 }), 'integer-out-of-range'],
    [
      'a seed beyond 256 bits',
      () => parametersHash({ engine: '', seed: LAST_256 + 1n }),
      'integer-out-of-range',
    ],
    ['half a surrogate pair', () => parametersHash({ engine: '\ud800', seed: 0n }), 'invalid-text'],
    ['a limit beyond 32 bits', () => configHash({ ...config, maxInput: 2 ** 32 }), 'integer-out-of-range'],
    ['an engine in version 1', () => configHash({ ...config, engineHash: H }), 'unsupported-version'],
    ['no engine in version 2', () => configHash({ ...config, version: 2 }), 'unsupported-version'],
    [
      'an engine that is zero',
      () => configHash({ ...config, version: 2, engineHash: ZERO_HASH }),
      'unsupported-version',
    ],
    ['a short release', () => configHash({ ...config, releaseId: A }), 'invalid-hex'],
  ]
  test.each(cases)('%s', (_, run, code) => expect(run).toThrow(expect.objectContaining({ code })))
})
