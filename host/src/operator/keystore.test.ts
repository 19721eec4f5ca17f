import { expect, test } from 'vitest'
import { claimedAddress, decryptKey, encryptKey } from './keystore.ts'

/** The two of the specification, as go-ethereum has them too (accounts/keystore/testdata/v3_test_vector.json). */
const KEY = '0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d'
const ID = '3198bc9c-6672-5ab3-d995-4942343ae5b6'
const SCRYPT = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '83dbcc02d8ccb40e466191a123791e0e' },
    ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
    kdf: 'scrypt',
    kdfparams: {
      dklen: 32,
      n: 262144,
      r: 1,
      p: 8,
      salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19',
    },
    mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
  },
  id: ID,
  version: 3,
}
const PBKDF2 = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
    ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
    kdf: 'pbkdf2',
    kdfparams: {
      c: 262144,
      dklen: 32,
      prf: 'hmac-sha256',
      salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
    },
    mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
  },
  id: ID,
  version: 3,
}
/** go-ethereum's vector of a key whose leading zero was cut off: files that are made so are not accepted. */
const SHORT = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: 'e0c41130a323adc1446fc82f724bca2f' },
    ciphertext: '9517cd5bdbe69076f9bf5057248c6c050141e970efa36ce53692d5d59a3984',
    kdf: 'scrypt',
    kdfparams: {
      dklen: 32,
      n: 2,
      r: 8,
      p: 1,
      salt: '711f816911c92d649fb4c84b047915679933555030b3552c1212609b38208c63',
    },
    mac: 'd5e116151c6aa71470e67a7d42c9620c75c4d23229847dcc127794f0732b0db5',
  },
  id: 'fecfc4ce-e956-48fd-953b-30f8b52ed66c',
  version: 3,
}
const ADDRESS = '008aeeda4d805471df9b2a5b0f38a0c3bcba786b'
const CHEAP = { n: 2, r: 1, p: 1 }

test.each([
  ['scrypt', SCRYPT],
  ['pbkdf2', PBKDF2],
])('the vector of the specification is read: %s', async (_name, vector) => {
  expect(await decryptKey(JSON.stringify(vector), 'testpassword')).toBe(KEY)
  expect(claimedAddress(JSON.stringify(vector))).toBeUndefined()
  const named = JSON.stringify({ ...vector, address: ADDRESS.toUpperCase(), 'x-more': {} })
  expect(await decryptKey(named, 'testpassword')).toBe(KEY)
  expect(claimedAddress(named)).toBe(`0x${ADDRESS}`)
})

test('a file of ethers is read, which writes Crypto', async () => {
  const { crypto, ...rest } = JSON.parse(await encryptKey(KEY, 'x', CHEAP))
  expect(await decryptKey(JSON.stringify({ ...rest, Crypto: crypto }), 'x')).toBe(KEY)
})

test('what is written is read again, by its password alone, and says no key', async () => {
  const text = await encryptKey(KEY, 'pässword', CHEAP)
  expect(await decryptKey(text, 'pässword')).toBe(KEY)
  expect(claimedAddress(text)).toBe(`0x${ADDRESS}`)
  expect(text).not.toContain(KEY.slice(2))
  await expect(decryptKey(text, 'password')).rejects.toMatchObject({ code: 'PASSWORD_WRONG' })
  const again = await encryptKey(KEY, 'pässword', CHEAP)
  expect(JSON.parse(again).crypto).not.toEqual(JSON.parse(text).crypto)
  expect(JSON.parse(await encryptKey(KEY, 'x')).crypto.kdfparams).toMatchObject({ n: 131_072, r: 8, p: 1 })
})

test('a changed ciphertext, or another address than the key’s, is refused', async () => {
  const text = await encryptKey(KEY, 'x', CHEAP)
  const value = JSON.parse(text)
  const flipped = value.crypto.ciphertext.replace(/^./, (digit: string) => (digit === '0' ? '1' : '0'))
  const changed = { ...value, crypto: { ...value.crypto, ciphertext: flipped } }
  await expect(decryptKey(JSON.stringify(changed), 'x')).rejects.toMatchObject({ code: 'PASSWORD_WRONG' })
  const other = { ...value, address: '11'.repeat(20) }
  await expect(decryptKey(JSON.stringify(other), 'x')).rejects.toMatchObject({ code: 'KEYSTORE_INVALID' })
})

const scrypt = (changes: object) => ({
  ...SCRYPT,
  crypto: { ...SCRYPT.crypto, kdfparams: { ...SCRYPT.crypto.kdfparams, ...changes } },
})
const crypto = (changes: object) => ({ ...SCRYPT, crypto: { ...SCRYPT.crypto, ...changes } })

test.each<[string, unknown, string]>([
  ['no JSON', 'no', 'JSON'],
  ['an array', [], 'it'],
  ['version 1', { ...SCRYPT, version: 1 }, 'version'],
  ['version as text', { ...SCRYPT, version: '3' }, 'version'],
  ['no version', { ...SCRYPT, version: undefined }, 'version'],
  ['memory of 2 GiB', scrypt({ n: 2 ** 24, r: 1 }), 'memory'],
  ['memory by r', scrypt({ n: 2, r: 2 ** 30 }), 'memory'],
  ['work without end', scrypt({ p: 2 ** 20 }), 'work'],
  ['numbers that overflow', scrypt({ n: 2 ** 52, r: 2 ** 52 }), 'memory'],
  ['n that is no power of two', scrypt({ n: 1000 }), 'power of two'],
  ['n of one', scrypt({ n: 1 }), 'power of two'],
  ['a negative p', scrypt({ p: -1 }), 'kdfparams.p'],
  ['a fraction', scrypt({ r: 1.5 }), 'kdfparams.r'],
  ['a long derived key', scrypt({ dklen: 2 ** 30 }), 'dklen'],
  ['a short salt', scrypt({ salt: '00' }), 'salt'],
  [
    'rounds without end',
    { ...PBKDF2, crypto: { ...PBKDF2.crypto, kdfparams: { ...PBKDF2.crypto.kdfparams, c: 1e9 } } },
    'kdfparams.c',
  ],
  [
    'another prf',
    { ...PBKDF2, crypto: { ...PBKDF2.crypto, kdfparams: { ...PBKDF2.crypto.kdfparams, prf: 'hmac-md5' } } },
    'prf',
  ],
  ['another KDF', crypto({ kdf: 'argon2id' }), 'kdf'],
  ['another cipher', crypto({ cipher: 'aes-128-cbc' }), 'cipher'],
  ['a short IV', crypto({ cipherparams: { iv: '00' } }), 'iv'],
  ['a short MAC', crypto({ mac: '00' }), 'mac'],
  ['a key of 31 bytes', SHORT, 'ciphertext'],
  ['a wrong address', { ...SCRYPT, address: '0x00' }, 'address'],
  ['a long text', { ...SCRYPT, more: 'x'.repeat(9_000) }, 'characters'],
])('refused before anything is derived: %s', async (_name, value, part) => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const refusal = expect.objectContaining({
    code: 'KEYSTORE_INVALID',
    message: expect.stringContaining(part),
  })
  await expect(decryptKey(text, 'testpassword')).rejects.toEqual(refusal)
  expect(() => claimedAddress(text)).toThrow(refusal)
})
