import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MAX_MODULE_REQUEST, MAX_MODULE_RESPONSE } from '../attest/limits.ts'
import { nsmDevice } from './nsmDevice.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** Stands where /dev/nsm is, with the mode that the kernel's driver gives it. */
function device(): string {
  const path = join(dir, 'nsm')
  writeFileSync(path, '')
  chmodSync(path, 0o666)
  return path
}

const answering = (bytes: number[]) => ({
  nsm(_device: number, _request: Uint8Array, answer: Uint8Array): number {
    answer.set(bytes)
    return bytes.length
  },
})

test('nobody but root opens the device any more: the bridge would have evidence made for a key of its own', () => {
  const path = device()
  nsmDevice(answering([]), path)
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('an answer is as long as the device says, and a request too long is none', () => {
  const call = nsmDevice(answering([1, 2, 3]), device())
  expect(call(Uint8Array.of(0))).toEqual(Buffer.of(1, 2, 3))
  expect(() => call(new Uint8Array(MAX_MODULE_REQUEST + 1))).toThrow('a request of')
  const whole = nsmDevice(answering(new Array(MAX_MODULE_RESPONSE).fill(7)), device())
  expect(whole(Uint8Array.of(0))).toHaveLength(MAX_MODULE_RESPONSE)
})
