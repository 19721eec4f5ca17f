import { chmodSync, openSync } from 'node:fs'
import { MAX_MODULE_REQUEST, MAX_MODULE_RESPONSE } from '../attest/limits.ts'
import type { Libc } from './libc.ts'
import type { ModuleCall } from './moduleServer.ts'

export const NSM_DEVICE = '/dev/nsm'

/**
 * AWS Nitro's security module through the kernel's driver (Linux, drivers/misc/nsm.c). The driver lets every user open
 * it (mode 0666): from here on root alone does, or the process that the host speaks to could have evidence made for a key
 * of its own.
 */
export function nsmDevice(libc: Pick<Libc, 'nsm'>, path: string = NSM_DEVICE): ModuleCall {
  chmodSync(path, 0o600)
  const device = openSync(path, 'r+')
  return request => {
    if (request.length > MAX_MODULE_REQUEST) throw new Error(`a request of ${request.length} bytes`)
    const answer = Buffer.alloc(MAX_MODULE_RESPONSE)
    return answer.subarray(0, libc.nsm(device, request, answer))
  }
}
