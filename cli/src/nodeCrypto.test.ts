import { constants, createHash, generateKeyPairSync, publicEncrypt, randomBytes, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultEvidenceCrypto, fromHex, nobleCrypto, recoverSigner, signReceipt, toHex } from '@nacre/verify'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createBundle } from '../../test/mock-authority/index.ts'
import { VERIFIERS, type Wycheproof, wrongCases } from '../../vectors/wycheproof/read.ts'
import { nodeCrypto } from './nodeCrypto.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
/** What a call gives, or that it throws: providers may word their errors differently. */
const outcome = (run: () => unknown): unknown => {
  try {
    return run()
  } catch {
    return 'throws'
  }
}

test('hashes are noble’s', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), data => {
      expect(toHex(nodeCrypto.sha256(data))).toBe(toHex(nobleCrypto.sha256(data)))
      expect(toHex(nodeCrypto.sha384(data))).toBe(toHex(nobleCrypto.sha384(data)))
      expect(toHex(nodeCrypto.keccak256(data))).toBe(toHex(nobleCrypto.keccak256(data)))
    }),
  )
})

test('recovery agrees with noble on signatures and on anything else', () => {
  const bundle = createBundle()
  const key = new Uint8Array(randomBytes(32))
  const domain = { chainId: bundle.chainId, registry: bundle.registry }
  const signature = signReceipt(domain, bundle.receipt, key)
  expect(recoverSigner(domain, bundle.receipt, signature, nodeCrypto)).toBe(
    recoverSigner(domain, bundle.receipt, signature),
  )
  const [rs, v] = [fromHex(signature).subarray(0, 64), (fromHex(signature)[64]! - 27) as 0 | 1]
  const anySignature = fc.oneof(
    bytes(64),
    fc.constant(rs),
    fc.constant(new Uint8Array(64)),
    fc.constant(new Uint8Array(64).fill(255)),
  )
  fc.assert(
    fc.property(bytes(32), anySignature, fc.constantFrom(0, 1, v), (digest, candidate, recovery) => {
      const both = [nodeCrypto, nobleCrypto].map(provider =>
        outcome(() => toHex(provider.recoverSecp256k1(digest, candidate, recovery as 0 | 1))),
      )
      expect(both[0]).toBe(both[1])
    }),
    { numRuns: 40 },
  )
})

test('ES256 agrees with noble', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const point = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-65))
  const message = new Uint8Array(createHash('sha256').update('message').digest())
  const good = new Uint8Array(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }))
  const bad = good.with(10, good[10]! ^ 1)
  for (const signature of [good, bad, new Uint8Array(64), good.subarray(1)]) {
    const both = [nodeCrypto, nobleCrypto].map(({ verifyEs256 }) => verifyEs256(message, signature, point))
    expect(both).toEqual([signature === good, signature === good])
  }
})

test('of many keys each verifies its own signatures only, also a second time', () => {
  const message = new Uint8Array(32)
  const pairs = Array.from({ length: 20 }, () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const point = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-65))
    return { point, signature: sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }) }
  })
  for (const { point } of [...pairs, ...pairs]) {
    const accepted = pairs.filter(({ signature }) => nodeCrypto.verifyEs256(message, signature, point))
    expect(accepted).toEqual([expect.objectContaining({ point })])
  }
})

test.each(['p256', 'p384', 'ps384'] as const)('%s: it says of every signature what Wycheproof says', name => {
  const path = join(import.meta.dirname, `../../vectors/wycheproof/${name}.json`)
  const file = JSON.parse(readFileSync(path, 'utf8')) as Wycheproof
  expect(wrongCases(file, VERIFIERS[name](nodeCrypto))).toEqual([])
})

test('ES384 and RSA-PSS agree with the default on sizes and keys that are wrong', () => {
  const point = new Uint8Array(97).fill(4)
  const key = { modulus: new Uint8Array(512).fill(255), exponent: 65_537 }
  const providers = [nodeCrypto, defaultEvidenceCrypto]
  for (const { verifyEs384, verifyPs384, sha512 } of providers) {
    expect(toHex(sha512(point))).toBe(`0x${createHash('sha512').update(point).digest('hex')}`)
    for (const size of [0, 95, 96, 97])
      expect(verifyEs384(point, new Uint8Array(size).fill(1), point)).toBe(false)
    for (const size of [0, 511, 512, 513])
      expect(verifyPs384(point, new Uint8Array(size).fill(1), key)).toBe(false)
    const short = { ...key, modulus: key.modulus.subarray(0, 64) }
    expect(verifyPs384(point, new Uint8Array(64).fill(1), short)).toBe(false)
  }
})

test('RSA-PSS by node:crypto verifies with both, with a salt of 48 bytes alone', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { n = '' } = publicKey.export({ format: 'jwk' })
  const key = { modulus: new Uint8Array(Buffer.from(n, 'base64url')), exponent: 65_537 }
  const message = Uint8Array.of(1, 2, 3)
  for (const saltLength of [32, 48, 64]) {
    const padding = constants.RSA_PKCS1_PSS_PADDING
    const signature = new Uint8Array(sign('sha384', message, { key: privateKey, padding, saltLength }))
    for (const provider of [nodeCrypto, defaultEvidenceCrypto])
      expect(provider.verifyPs384(message, signature, key)).toBe(saltLength === 48)
  }
})

test('a key with an exponent of 1, under which anyone can sign, verifies nothing', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { n = '' } = publicKey.export({ format: 'jwk' })
  const modulus = new Uint8Array(Buffer.from(n, 'base64url'))
  const message = Uint8Array.of(1, 2, 3)
  const signature = sign('sha384', message, {
    key: privateKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: 48,
  })
  // What the key makes of the signature is the encoded message: with an exponent of 1 its own signature.
  const raw = { key: publicKey, padding: constants.RSA_NO_PADDING }
  const encoded = new Uint8Array(publicEncrypt(raw, signature))
  for (const { verifyPs384 } of [nodeCrypto, defaultEvidenceCrypto]) {
    expect(verifyPs384(message, new Uint8Array(signature), { modulus, exponent: 65_537 })).toBe(true)
    for (const exponent of [0, 1, 2, 65_536, 65_539])
      expect(verifyPs384(message, encoded, { modulus, exponent }), `${exponent}`).toBe(false)
  }
})
