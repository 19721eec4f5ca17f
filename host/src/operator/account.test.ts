import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, expect, test } from 'vitest'
import { type KeyFiles, readAccount } from './account.ts'
import { encryptKey } from './keystore.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-key-'))
const file = join(dir, 'key')
const key = generatePrivateKey()
const { address } = privateKeyToAccount(key)
const CHEAP = { n: 2, r: 1, p: 1 }

afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('a key file is read when only its owner can; every refusal names the file and never its text', async () => {
  const plain = { privateKeyFile: file }
  writeFileSync(file, `${key}\n`, { mode: 0o600 })
  expect((await readAccount(plain)).address).toBe(address)
  for (const mode of [0o640, 0o604, 0o660]) {
    chmodSync(file, mode)
    expect(await refusal(plain)).toMatchObject({
      code: 'CONFIG_INVALID',
      fix: expect.stringContaining('0600'),
    })
  }
  chmodSync(file, 0o600)
  for (const text of [key.slice(0, -2), `0x${'00'.repeat(32)}`, `0x${'ff'.repeat(32)}`, 'x'.repeat(9_000)]) {
    writeFileSync(file, text)
    const error = await refusal(plain)
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(error.message).not.toContain(text)
  }
  rmSync(file)
  expect(await refusal(plain)).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(file),
  })
  expect(await refusal({ privateKeyFile: dir })).toMatchObject({ code: 'CONFIG_INVALID' })
})

test('a keystore is opened by its password file; both are refused when others can read them', async () => {
  const [keystoreFile, passwordFile] = [join(dir, 'keystore.json'), join(dir, 'password')]
  const files = { keystoreFile, passwordFile }
  writeFileSync(keystoreFile, await encryptKey(key, 'correct horse', CHEAP), { mode: 0o600 })
  writeFileSync(passwordFile, 'correct horse\n', { mode: 0o600 })
  expect((await readAccount(files)).address).toBe(address)
  writeFileSync(passwordFile, 'wrong horse\n')
  const wrong = await refusal(files)
  expect(wrong).toMatchObject({ code: 'PASSWORD_WRONG' })
  expect(wrong.message).not.toContain('horse')
  for (const text of ['', '\n', 'two\nlines\n']) {
    writeFileSync(passwordFile, text)
    expect(await refusal(files)).toMatchObject({ code: 'CONFIG_INVALID' })
  }
  writeFileSync(passwordFile, 'correct horse')
  for (const open of [keystoreFile, passwordFile]) {
    chmodSync(open, 0o640)
    expect(await refusal(files)).toMatchObject({ message: expect.stringContaining(open) })
    chmodSync(open, 0o600)
  }
})

async function refusal(files: KeyFiles): Promise<Error> {
  return readAccount(files).then(
    () => expect.fail('it was read'),
    error => error as Error,
  )
}
