import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, expect, test } from 'vitest'
import { readAccount } from './prepare.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-key-'))
const file = join(dir, 'key')
const key = generatePrivateKey()

afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('a key file is read when only its owner can; every refusal names the file and never its text', () => {
  writeFileSync(file, `${key}\n`, { mode: 0o600 })
  expect(readAccount(file).address).toBe(privateKeyToAccount(key).address)
  for (const mode of [0o640, 0o604, 0o660]) {
    chmodSync(file, mode)
    expect(refusal()).toMatchObject({ code: 'CONFIG_INVALID', fix: expect.stringContaining('0600') })
  }
  chmodSync(file, 0o600)
  for (const text of [key.slice(0, -2), `0x${'00'.repeat(32)}`, `0x${'ff'.repeat(32)}`]) {
    writeFileSync(file, text)
    expect(refusal()).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(refusal().message).not.toContain(text)
  }
  rmSync(file)
  expect(refusal()).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(file) })
})

function refusal(): Error {
  try {
    readAccount(file)
  } catch (error) {
    return error as Error
  }
  throw new Error('it was read')
}
