import type { Duplex } from 'node:stream'
import { createEnclaveClient } from '../enclaveClient.ts'
import { DriverError } from './errors.ts'

/** That an enclave which says it is ready answers. @throws DriverError launch-failed */
export async function checkHealth(connect: () => Promise<Duplex>, timeoutMs: number): Promise<void> {
  const client = createEnclaveClient({ connect, timeoutMs })
  try {
    await client.health()
  } catch (cause) {
    const message = `the enclave says it is ready, and does not answer: ${cause}`
    throw new DriverError('launch-failed', message, cause)
  } finally {
    client.close()
  }
}
