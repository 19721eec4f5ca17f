import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createProvider } from '../attest/provider.ts'
import { GUEST } from './paths.ts'
import { grantReport } from './reports.ts'

test('a machine that makes no reports gets no folder, and that is no failure', () => {
  const root = mkdtempSync(join(tmpdir(), 'nacre-'))
  grantReport(join(root, 'not mounted/nacre'), { program: 1 })
  expect(existsSync(join(root, 'not mounted'))).toBe(false)
  rmSync(root, { recursive: true })
})

test('a folder that somebody else has made is not handed over', () => {
  const root = mkdtempSync(join(tmpdir(), 'nacre-'))
  mkdirSync(join(root, 'nacre'))
  expect(() => grantReport(join(root, 'nacre'), { program: 1 })).not.toThrow()
  rmSync(root, { recursive: true })
})

test('the program asks for reports where init opens them', async () => {
  const attest = createProvider({ evidence: 'tdx', sockets: { channel: '/nowhere' } })
  await expect(attest(new Uint8Array(32), new Uint8Array(32))).rejects.toThrow(GUEST.report)
})
