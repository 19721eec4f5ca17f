/**
 * Keystore files: Web3 Secret Storage, version 3, as geth, cast and wallets read and write them.
 * https://ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage
 */
import {
  createCipheriv,
  createDecipheriv,
  pbkdf2,
  randomBytes,
  randomUUID,
  timingSafeEqual,
} from 'node:crypto'
import { promisify } from 'node:util'
import { scryptAsync } from '@noble/hashes/scrypt.js'
import { type Hex, hexToBytes, keccak256 } from 'viem'
import { privateKeyToAddress } from 'viem/accounts'
import { FatalError } from '../common/errors.ts'
import { type Keystore, parseKeystore } from './keystoreFile.ts'

export type ScryptCost = { n: number; r: number; p: number }

/** 128 MiB and some tenths of a second: what OWASP asks of scrypt at least. */
const COST: ScryptCost = { n: 131_072, r: 8, p: 1 }
const CIPHER = 'aes-128-ctr'

/** Encrypts a private key under a password; returns the file's text. */
export async function encryptKey(key: Hex, password: string, cost: ScryptCost = COST): Promise<string> {
  const [salt, iv] = [randomBytes(32), randomBytes(16)]
  const kdfparams = { ...cost, dklen: 32 as const, salt: salt.toString('hex') }
  const derived = await derive({ kdf: 'scrypt', kdfparams }, password)
  const cipher = createCipheriv(CIPHER, derived.subarray(0, 16), iv)
  const ciphertext = Buffer.concat([cipher.update(hexToBytes(key)), cipher.final()])
  const keystore: Keystore = {
    version: 3,
    id: randomUUID(),
    address: privateKeyToAddress(key).slice(2).toLowerCase(),
    crypto: {
      cipher: CIPHER,
      cipherparams: { iv: iv.toString('hex') },
      ciphertext: ciphertext.toString('hex'),
      kdf: 'scrypt',
      kdfparams,
      mac: macOf(derived, ciphertext).toString('hex'),
    },
  }
  return `${JSON.stringify(keystore, undefined, 2)}\n`
}

/**
 * The private key of a keystore file.
 * @throws FatalError KEYSTORE_INVALID for a text that is no keystore, or one of another address than it says;
 * PASSWORD_WRONG, which a damaged file looks like too
 */
export async function decryptKey(text: string, password: string): Promise<Hex> {
  const { crypto, address } = parseKeystore(text)
  const derived = await derive(crypto, password)
  const ciphertext = Buffer.from(crypto.ciphertext, 'hex')
  if (!timingSafeEqual(macOf(derived, ciphertext), Buffer.from(crypto.mac, 'hex'))) throw wrongPassword()
  const decipher = createDecipheriv(
    crypto.cipher,
    derived.subarray(0, 16),
    Buffer.from(crypto.cipherparams.iv, 'hex'),
  )
  const key: Hex = `0x${Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('hex')}`
  const actual = addressOf(key)
  if (address !== undefined && actual !== `0x${address}`) throw otherAddress(address)
  return key
}

/** The account that a keystore says it is of, lower-case: unchecked until it is decrypted. */
export function claimedAddress(text: string): Hex | undefined {
  const { address } = parseKeystore(text)
  return address === undefined ? undefined : `0x${address}`
}

/**
 * 32 bytes, of which the first 16 encrypt and the others authenticate. noble's scrypt: OpenSSL refuses r = 1 with a
 * large n, as the specification's example and Python's eth-keyfile have it.
 */
async function derive(
  { kdf, kdfparams }: Pick<Keystore['crypto'], 'kdf' | 'kdfparams'>,
  password: string,
): Promise<Buffer> {
  const [salt, length] = [Buffer.from(kdfparams.salt, 'hex'), kdfparams.dklen]
  if (kdf === 'pbkdf2' && 'c' in kdfparams)
    return promisify(pbkdf2)(password, salt, kdfparams.c, length, 'sha256')
  const { n, r, p } = kdfparams as ScryptCost
  return Buffer.from(await scryptAsync(password, salt, { N: n, r, p, dkLen: length }))
}

function macOf(derived: Buffer, ciphertext: Buffer): Buffer {
  return Buffer.from(keccak256(Buffer.concat([derived.subarray(16, 32), ciphertext]), 'bytes'))
}

function addressOf(key: Hex): string {
  try {
    return privateKeyToAddress(key).toLowerCase()
  } catch {
    throw new FatalError('KEYSTORE_INVALID', 'The keystore holds a number that is no key of secp256k1.', {
      fix: 'Make the keystore again from the key: nacre operator key import.',
    })
  }
}

function otherAddress(address: string): FatalError {
  return new FatalError(
    'KEYSTORE_INVALID',
    `The keystore says that it is of 0x${address}, and its key is not.`,
    {
      fix: 'Do not use it: somebody changed it. Restore it from your copy.',
    },
  )
}

function wrongPassword(): FatalError {
  return new FatalError('PASSWORD_WRONG', 'The password does not open the keystore.', {
    fix: 'Check the password; if it is right, the file is damaged: restore it from your copy.',
  })
}
