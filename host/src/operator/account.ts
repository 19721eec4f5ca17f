import { type Hex, isHex } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { FatalError } from '../common/errors.ts'
import { readOwnFile } from '../common/ownFile.ts'
import { decryptKey } from './keystore.ts'

/** Where an operator's key is: the configuration's fields. */
export type KeyFiles = {
  keystoreFile?: string | undefined
  passwordFile?: string | undefined
  privateKeyFile?: string | undefined
}

const MODE = 'Make it readable by the operator alone: chmod 600.'

/** Throws CONFIG_INVALID, KEYSTORE_INVALID or PASSWORD_WRONG; no error tells the text of a key or a password. */
export async function readAccount(files: KeyFiles): Promise<PrivateKeyAccount> {
  const { keystoreFile, passwordFile, privateKeyFile } = files
  if (keystoreFile !== undefined && passwordFile !== undefined)
    return openKeystore(keystoreFile, readPassword(passwordFile))
  if (privateKeyFile !== undefined) return privateKeyToAccount(readPlainKey(privateKeyFile))
  throw new FatalError('CONFIG_INVALID', 'No key is configured.', {
    fix: 'Set keystoreFile and passwordFile; nacre operator key new makes a keystore.',
  })
}

/** Throws as readAccount. */
export async function openKeystore(file: string, password: string): Promise<PrivateKeyAccount> {
  return privateKeyToAccount(await decryptKey(readKeystore(file), password))
}

export function readKeystore(file: string): string {
  return readOwnFile(file, 'keystore', MODE)
}

/** One line; an empty password would protect nothing. */
export function readPassword(file: string): string {
  const password = readOwnFile(file, 'password file', MODE)
  if (password !== '' && !password.includes('\n')) return password
  throw new FatalError('CONFIG_INVALID', `The password file ${file} does not hold one line of text.`, {
    fix: 'Write the password alone into it.',
  })
}

/** A key that is not encrypted: 0x and 32 bytes in hex. */
export function readPlainKey(file: string): Hex {
  const fix = 'Write 0x and 32 bytes in hex into it, readable by the operator alone (mode 0600).'
  const text = readOwnFile(file, 'private key file', fix).trim()
  const refuse = (what: string) =>
    new FatalError('CONFIG_INVALID', `The private key file ${file} ${what}.`, { fix })
  if (!isHex(text) || text.length !== 66) throw refuse('does not hold a private key')
  try {
    privateKeyToAccount(text)
    return text
  } catch {
    throw refuse('holds a number that is no key of secp256k1')
  }
}
