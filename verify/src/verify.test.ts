import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  clientOrigin,
  createBundle,
  createNitroBundle,
  evidenceNonce,
  evidenceOptions,
  NOW,
  nitroPolicy,
  policy,
} from '../../test/mock-authority/index.ts'
import {
  DEFAULT_POLICY,
  fromHex,
  type Hex,
  type NacreError,
  nobleCrypto,
  type Policy,
  type ReceiptBundle,
  toHex,
  type VerifyContext,
  verifyReceipt,
  ZERO_ADDRESS,
  ZERO_HASH,
} from './index.ts'

const bundle = createBundle()
const ONES: Hex = `0x${'11'.repeat(32)}`
const OTHER: Hex = `0x${'11'.repeat(20)}`

const failing = (
  bundle: ReceiptBundle,
  context: Partial<VerifyContext> = {},
  wanted: Policy = policy,
): string[] =>
  verifyReceipt(bundle, wanted, { time: NOW, ...context })
    .checks.filter(check => !check.ok)
    .map(check => check.name)

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run()
  } catch (error) {
    return (error as NacreError).code
  }
  return undefined
}

test('a valid bundle: every check, the id, the signer and the assurance', () => {
  const result = verifyReceipt(bundle, policy, { time: NOW })
  expect(result).toMatchObject({
    ok: true,
    status: 0,
    assurance: 'simulated',
    signer: bundle.identity.receiptKey,
  })
  expect(result.checks.map(check => check.name)).toEqual(
    (
      'version request-id input output status parameters usage extensions signature evidence-kind evidence-format ' +
      'evidence-root evidence-certificates evidence-signature evidence-time evidence-nonce evidence-measurement ' +
      'identity configuration release policy-assurance policy-release policy-evidence-age'
    ).split(' '),
  )
})

test('a receipt of a failure is valid, and says so', () => {
  const failed = createBundle({ failure: { status: 1, text: 'bad-input: the tensor holds NaN' } })
  const result = verifyReceipt(failed, policy, { time: NOW })
  expect(result).toMatchObject({ ok: true, status: 1, failure: 'bad-input: the tensor holds NaN' })
  expect(failing(createBundle({ failure: { status: 1, text: 'x'.repeat(257) } }))).toEqual(['status'])
  const notText = { ...failed, output: '0xff' as Hex }
  expect(verifyReceipt(notText, policy, { time: NOW })).toMatchObject({ ok: false, failure: '0xff' })
})

test('evidence is good as long as the policy says, and not only as long as its leaf certificate lives', () => {
  const made = evidenceOptions.timestamp
  const at = (age: number) =>
    verifyReceipt(bundle, { ...policy, maxEvidenceAge: 86_400 }, { time: made + BigInt(age) })
  expect(at(10_801).checks.filter(check => !check.ok)).toEqual([])
  expect(at(86_400).ok).toBe(true)
  expect(at(86_401).checks.find(check => !check.ok)?.name).toBe('policy-evidence-age')
})

describe('each field of the receipt, tampered after signing', () => {
  const checkOf: Record<keyof ReceiptBundle['receipt'], string> = {
    version: 'version',
    requestId: 'request-id',
    releaseId: 'release',
    configHash: 'configuration',
    artifact: 'signature',
    inputHash: 'input',
    outputHash: 'output',
    parametersHash: 'parameters',
    usageHash: 'usage',
    status: 'status',
    sequence: 'signature',
    anchorNumber: 'signature',
    anchorHash: 'signature',
    parentsRoot: 'extensions',
    extensionsRoot: 'extensions',
  }
  test.each(Object.entries(checkOf))('%s fails %s, and the signature', (field, check) => {
    const value = bundle.receipt[field as keyof typeof checkOf]
    const changed = typeof value === 'string' ? ONES : typeof value === 'bigint' ? value + 1n : 250
    const names = failing({ ...bundle, receipt: { ...bundle.receipt, [field]: changed } })
    expect(names).toContain(check)
    expect(names).toContain('signature')
  })
})

describe('each other part of the bundle, changed', () => {
  const cases: [string, Partial<ReceiptBundle>, string][] = [
    ['chainId', { chainId: 1n }, 'signature'],
    ['registry', { registry: OTHER }, 'signature'],
    ['origin', { origin: clientOrigin }, 'request-id'],
    ['input', { input: '0x01' }, 'input'],
    ['output', { output: '0x01' }, 'output'],
    ['engine', { parameters: { ...bundle.parameters, engine: 'x' } }, 'parameters'],
    ['seed', { parameters: { ...bundle.parameters, seed: 1n } }, 'parameters'],
    ['units', { usage: { ...bundle.usage, units: 2n } }, 'usage'],
    ['price', { usage: { ...bundle.usage, price: 2n } }, 'usage'],
    ['token', { usage: { ...bundle.usage, token: OTHER } }, 'usage'],
    ['output limit', { usage: { ...bundle.usage, maxOutput: 0 } }, 'usage'],
    ['receiptKey', { identity: { ...bundle.identity, receiptKey: OTHER } }, 'identity'],
    ['tlsKeyHash', { identity: { ...bundle.identity, tlsKeyHash: ONES } }, 'identity'],
    ['hpkeKey', { identity: { ...bundle.identity, hpkeKey: ONES } }, 'identity'],
    ['operator', { config: { ...bundle.config, operator: OTHER } }, 'configuration'],
    ['maxInput', { config: { ...bundle.config, maxInput: 1 } }, 'configuration'],
    ['maxOutput', { config: { ...bundle.config, maxOutput: 1 } }, 'configuration'],
    ['publisher', { release: { ...bundle.release, publisher: OTHER } }, 'release'],
    [
      'manifest',
      { release: { ...bundle.release, manifest: { ...bundle.release.manifest, name: 'x' } } },
      'release',
    ],
    ['evidenceNonce', { evidenceNonce: ONES }, 'evidence-nonce'],
    ['evidence kind', { evidence: { ...bundle.evidence, kind: 'nitro' } }, 'evidence-format'],
    ['evidence kind without collateral', { evidence: { ...bundle.evidence, kind: 'tdx' } }, 'evidence-kind'],
    ['evidence bytes', { evidence: { ...bundle.evidence, bytes: 'nonsense' as Hex } }, 'evidence-kind'],
    ['signature', { signature: '0x00' }, 'signature'],
  ]
  test.each(cases)('%s', (_, change, check) => expect(failing({ ...bundle, ...change })).toContain(check))
})

describe('replays', () => {
  const client = createBundle({ origin: clientOrigin })
  const { receipt } = bundle
  const cases: [string, ReceiptBundle, VerifyContext['expect'] & object, string | undefined][] = [
    [
      'everything as expected',
      bundle,
      { requestId: receipt.requestId, chainId: 31_337n, evidenceNonce },
      undefined,
    ],
    ['another request', bundle, { requestId: ONES }, 'expected-request'],
    ['another client nonce', client, { clientNonce: ONES }, 'expected-request'],
    ['a relay receipt for a client', bundle, { clientNonce: ONES }, 'expected-request'],
    ['a client receipt for a relay', client, { relay: OTHER }, 'expected-request'],
    ['another consumer', bundle, { consumer: OTHER }, 'expected-request'],
    ['another relay', bundle, { relay: OTHER }, 'expected-request'],
    ['another chain', bundle, { chainId: 1n }, 'expected-chain'],
    ['another registry', bundle, { registry: OTHER }, 'expected-chain'],
    ['another artifact', bundle, { artifact: ONES }, 'artifact'],
    ['another input', bundle, { input: ONES }, 'expected-input'],
    ['evidence for another nonce', bundle, { evidenceNonce: ONES }, 'evidence-nonce'],
  ]
  test.each(cases)('%s', (_, replayed, expected, check) => {
    const names = failing(replayed, { expect: expected })
    if (check) expect(names).toContain(check)
    else expect(names).toEqual([])
  })
})

describe('facts from the chain', () => {
  const { operator, releaseId } = bundle.config
  const { anchorHash, configHash } = bundle.receipt
  const good = {
    keyOperator: operator,
    keyReleaseId: releaseId,
    keyConfigHash: configHash,
    keyRevoked: false,
  }
  const cases: [string, VerifyContext['chain'] & object, string[]][] = [
    ['all agree', { ...good, keyExpiresAt: NOW + 1n, releaseRevoked: false, anchorHash }, []],
    ['another operator', { ...good, keyOperator: ZERO_ADDRESS }, ['chain-key']],
    ['another release', { ...good, keyReleaseId: ONES }, ['chain-key']],
    ['another configuration', { ...good, keyConfigHash: ONES }, ['chain-key']],
    ['a revoked key', { ...good, keyRevoked: true }, ['chain-key']],
    ['an expired key', { keyExpiresAt: NOW }, ['chain-key']],
    ['a revoked release', { releaseRevoked: true }, ['chain-release']],
    ['another publisher', { releasePublisher: OTHER }, ['chain-release']],
    ['another block', { anchorHash: ONES }, ['chain-anchor']],
  ]
  test.each(cases)('%s', (_, chain, names) => expect(failing(bundle, { chain })).toEqual(names))

  test('zeros, for what the chain does not know, are never what a bundle agrees with', () => {
    const { receipt, config, release } = bundle
    const unknown = {
      ...bundle,
      receipt: { ...receipt, anchorHash: ZERO_HASH },
      config: { ...config, operator: ZERO_ADDRESS },
      release: { ...release, publisher: ZERO_ADDRESS },
    }
    const chain = { keyOperator: ZERO_ADDRESS, releasePublisher: ZERO_ADDRESS, anchorHash: ZERO_HASH }
    expect(failing(unknown, { chain })).toEqual(
      expect.arrayContaining(['chain-key', 'chain-release', 'chain-anchor']),
    )
  })
})

test('the default policy rejects simulated evidence, whatever releases and roots are added to it', () => {
  const { releaseId } = bundle.receipt
  const named = { ...DEFAULT_POLICY, releases: [releaseId] }
  const rejected = verifyReceipt(bundle, named, { time: NOW })
  expect([rejected.ok, rejected.assurance]).toEqual([false, undefined])
  expect(failing(bundle, {}, named)).toContain('evidence-root')
  const { developmentRoots } = policy
  expect(failing(bundle, {}, { ...named, developmentRoots })).toEqual(['policy-assurance'])
  expect(failing(bundle, {}, { ...named, assurance: ['simulated'] })).toContain('evidence-root')
  expect(codeOf(() => verifyReceipt(bundle, DEFAULT_POLICY, { time: NOW }))).toBe('empty-policy')
})

describe('evidence of AWS Nitro', () => {
  const attested = createNitroBundle()

  test('a valid bundle has the same checks as a simulated one, and the assurance of a TEE', () => {
    const result = verifyReceipt(attested, nitroPolicy, { time: NOW })
    expect(result).toMatchObject({ ok: true, assurance: 'tee' })
    const simulated = verifyReceipt(bundle, policy, { time: NOW })
    expect(result.checks.map(({ name }) => name)).toEqual(simulated.checks.map(({ name }) => name))
  })

  test('its root is AWS’s unless the policy names another: never the document’s own', () => {
    const { nitroRoots, ...aws } = nitroPolicy
    const rejected = verifyReceipt(attested, aws, { time: NOW })
    expect(rejected).toMatchObject({ ok: false })
    expect(rejected.assurance).toBeUndefined()
    expect(failing(attested, {}, { ...nitroPolicy, nitroRoots: [ONES] })).toContain('evidence-root')
    expect(failing(attested, {}, { ...nitroPolicy, nitroRoots: [ONES, ...nitroRoots!] })).toEqual([])
  })

  test('a policy that names a development root does not accept it for Nitro, nor the other way round', () => {
    expect(failing(attested, {}, { ...policy, assurance: ['tee', 'simulated'] })).toContain('evidence-root')
    expect(failing(bundle, {}, { ...nitroPolicy, assurance: ['tee', 'simulated'] })).toContain(
      'evidence-root',
    )
  })

  test('the crypto provider that is passed in is the one that decides', () => {
    const crypto = { verifyEs384: () => false }
    const { checks } = verifyReceipt(attested, nitroPolicy, { time: NOW, crypto })
    expect(checks.find(check => !check.ok)?.name).toBe('evidence-certificates')
  })

  test('any changed byte of it fails', () => {
    const property = fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = fromHex(attested.evidence.bytes)
      const index = at % bytes.length
      bytes[index] = (bytes[index] as number) ^ flip
      const evidence = { kind: 'nitro' as const, bytes: toHex(bytes) }
      expect(failing({ ...attested, evidence }, {}, nitroPolicy)).not.toEqual([])
    })
    fc.assert(property, { numRuns: 50 })
  })
})

test('policy: a publisher counts with the word of the registry that is expected, and never without', () => {
  const { publisher } = bundle.release
  const named = { ...policy, releases: [], publishers: [publisher] }
  const expected = { registry: bundle.registry }
  const listed = { releasePublisher: publisher }
  expect(failing(bundle, {}, named)).toEqual(['policy-release'])
  expect(failing(bundle, { chain: listed }, named)).toEqual(['policy-release'])
  expect(failing(bundle, { expect: expected }, named)).toEqual(['policy-release'])
  expect(failing(bundle, { expect: expected, chain: listed }, named)).toEqual([])
  const elsewhere = { expect: expected, chain: { releasePublisher: OTHER } }
  expect(failing(bundle, elsewhere, named)).toEqual(['policy-release', 'chain-release'])
  const revoked = { expect: expected, chain: { ...listed, releaseRevoked: true } }
  expect(failing(bundle, revoked, named)).toEqual(['chain-release'])
})

test('policy: operators and artifacts', () => {
  const { operator } = bundle.config
  const { artifact } = bundle.receipt
  expect(failing(bundle, {}, { ...policy, operators: [operator], artifacts: [artifact] })).toEqual([])
  expect(failing(bundle, {}, { ...policy, operators: [OTHER] })).toEqual(['policy-operator'])
  expect(failing(bundle, {}, { ...policy, artifacts: [ONES] })).toEqual(['policy-artifact'])
})

test('the caller is told of a malformed policy or context', () => {
  const verify = (wanted: unknown, context: unknown) => () =>
    verifyReceipt(bundle, wanted as Policy, context as VerifyContext)
  const time = NOW
  expect(codeOf(verify({ ...policy, releases: [] }, { time }))).toBe('empty-policy')
  expect(codeOf(verify({ ...policy, extra: 1 }, { time }))).toBe('unknown-field')
  expect(codeOf(verify(policy, { time: 1 }))).toBe('invalid-context')
  expect(codeOf(verify(policy, { time: -1n }))).toBe('invalid-context')
  expect(codeOf(verify(policy, { time, expect: { consumre: OTHER } }))).toBe('invalid-context')
  expect(codeOf(verify(policy, { time, expect: { consumer: undefined } }))).toBe('invalid-context')
  expect(codeOf(verify(policy, { time, expect: { consumer: OTHER.toUpperCase() } }))).toBe('invalid-context')
  expect(codeOf(verify(policy, { time, expect: { evidenceNonce: '0x' } }))).toBe('invalid-context')
  expect(codeOf(verify(policy, { time, chain: { keyRevoked: 0 } }))).toBe('invalid-context')
})

test('a receipt that cannot be encoded fails without throwing', () => {
  const result = verifyReceipt({ ...bundle, receipt: { ...bundle.receipt, sequence: -1n } }, policy, {
    time: NOW,
  })
  expect(result.ok).toBe(false)
  expect(result.receiptId).toBe(`0x${'00'.repeat(32)}`)
})

test('the crypto provider that is passed in is the one that decides', () => {
  const crypto = { ...nobleCrypto, verifyEs256: () => false }
  expect(verifyReceipt(bundle, policy, { time: NOW, crypto }).checks.find(check => !check.ok)?.name).toBe(
    'evidence-certificates',
  )
  const called: string[] = []
  const counting = {
    keccak256(bytes: Uint8Array) {
      called.push('keccak256')
      return nobleCrypto.keccak256(bytes)
    },
  }
  expect(verifyReceipt(bundle, policy, { time: NOW, crypto: counting }).ok).toBe(true)
  expect(called).toHaveLength(2)
})

test('any changed byte of the evidence, the signature, the input or the output fails', () => {
  const parts = ['evidence', 'signature', 'input', 'output'] as const
  const property = fc.property(
    fc.constantFrom(...parts),
    fc.nat(),
    fc.integer({ min: 1, max: 255 }),
    (part, at, flip) => {
      const bytes = fromHex(part === 'evidence' ? bundle.evidence.bytes : bundle[part])
      const index = at % bytes.length
      bytes[index] = (bytes[index] as number) ^ flip
      const changed = part === 'evidence' ? { ...bundle.evidence, bytes: toHex(bytes) } : toHex(bytes)
      expect(failing({ ...bundle, [part]: changed })).not.toEqual([])
    },
  )
  fc.assert(property, { numRuns: 150 })
})

test('random evidence never verifies and never throws', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 9000 }), bytes => {
    const evidence = { kind: 'simulated' as const, bytes: toHex(bytes) }
    expect(failing({ ...bundle, evidence })).toContain('evidence-format')
  })
  fc.assert(property, { numRuns: 30 })
})
