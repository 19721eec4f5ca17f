import { existsSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Hex } from '@nacre/verify'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { CliError, EXIT } from '../errors.ts'
import type { Output } from '../output.ts'
import { loadHost } from './host.ts'
import { askHidden, askNewPassword } from './prompt.ts'

export type KeyOptions = { passwordFile?: string }

/** `nacre operator key new FILE`: a fresh key in a keystore. */
export async function create(file: string, options: KeyOptions, output: Output): Promise<number> {
  return store(file, generatePrivateKey(), options, output)
}

/** `nacre operator key import FILE`: a key that there is already, from a plain file or typed. */
export async function importKey(
  file: string,
  options: KeyOptions & { privateKeyFile?: string },
  output: Output,
): Promise<number> {
  const { readPlainKey } = await loadHost()
  const { privateKeyFile } = options
  const key = privateKeyFile === undefined ? await typedKey() : readPlainKey(resolve(privateKeyFile))
  const code = await store(file, key, options, output)
  if (privateKeyFile !== undefined) output.line(`${privateKeyFile} still holds the key in plain: delete it.`)
  return code
}

/** `nacre operator key show FILE`: whose key it is; with a password, checked. Never the key. */
export async function show(
  file: string,
  options: KeyOptions & { check?: boolean },
  output: Output,
): Promise<number> {
  const { claimedAddress, openKeystore, readKeystore, readPassword } = await loadHost()
  const path = resolve(file)
  const checked = options.check === true || options.passwordFile !== undefined
  const password =
    options.passwordFile === undefined ? undefined : readPassword(resolve(options.passwordFile))
  const address = checked
    ? lower((await openKeystore(path, password ?? (await askHidden(`Password of ${path}: `)))).address)
    : claimedAddress(readKeystore(path))
  output.line(address ?? 'The keystore does not say whose it is: add --check')
  if (address !== undefined && !checked) output.line('as the file says; --check opens it and compares')
  output.result({ address: address ?? null, checked })
  return EXIT.ok
}

/** Never over another file: what is there may be the only copy of a key. */
async function store(file: string, key: Hex, { passwordFile }: KeyOptions, output: Output): Promise<number> {
  const { encryptKey, readPassword } = await loadHost()
  const path = resolve(file)
  // Also looked at when it is written; here so that nobody types in vain.
  if (existsSync(path)) throw notMade(path, 'there is a file of that name')
  const password = passwordFile === undefined ? await askNewPassword() : readPassword(resolve(passwordFile))
  writeNew(path, await encryptKey(key, password))
  const address = lower(privateKeyToAccount(key).address)
  output.line(`${address}  ${path}`)
  output.line('Keep a copy of the file and of the password: without either the account is lost.')
  output.result({ address, file: path })
  return EXIT.ok
}

function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600, flush: true })
  } catch (error) {
    throw notMade(path, error instanceof Error ? error.message : String(error))
  }
}

function notMade(path: string, why: string): CliError {
  return new CliError('bad-file', {
    what: `${path} cannot be made`,
    why,
    fix: 'name a file that is not there yet, in a folder of your own',
  })
}

async function typedKey(): Promise<Hex> {
  const text = (await askHidden('Private key (0x and 64 hex digits): ')).trim()
  try {
    privateKeyToAccount(text as Hex)
    return text as Hex
  } catch {
    throw new CliError('bad-input', {
      what: 'this is no private key',
      why: 'it is not 0x and 64 hex digits of a key of secp256k1',
      fix: 'type it again, or name a file: --private-key-file FILE',
    })
  }
}

function lower(address: Hex): Hex {
  return address.toLowerCase() as Hex
}
