import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { loadImage } from '@nacre/host/drivers/image'
import { simulatedDriver } from '@nacre/host/drivers/simulated'
import { createEnclaveClient } from '@nacre/host/enclaveClient'
import { createRoot } from '@nacre/host/nsm/root'
import { encodeTensor, toHex, ZERO_ADDRESS, ZERO_HASH } from '@nacre/verify'
import { IMAGE_DIR } from '../cli/src/dev/image.ts'
import type { Case } from './cases.ts'
import { measure, type Times } from './stats.ts'

/** Calls over the enclave's Unix socket: the differences are what each step takes inside. */
export type Channel = {
  /** A call that does nothing. */
  empty: Times
  /** The engine, the hashes and the receipt's signature. */
  infer: Times
  /** The same, with fresh evidence over a nonce. */
  inferWithEvidence: Times
}

/** An enclave of its own, SIMULATED, without an operator. */
export async function benchChannel({ artifact, path, input }: Case): Promise<Channel> {
  const [registry, operator] = [ZERO_ADDRESS, ZERO_ADDRESS]
  const limits = { maxInput: 1 << 20, maxOutput: 1 << 20 }
  const config = { version: 1, chainId: 31337n, registry, operator, releaseId: ZERO_HASH, ...limits } as const
  const enclave = await simulatedDriver.launch(await loadImage(IMAGE_DIR), { config, root: createRoot() })
  const client = createEnclaveClient({ connect: enclave.connect })
  try {
    await client.loadArtifact(artifact, readFileSync(path))
    const anchor = { number: 1n, hash: ZERO_HASH }
    const usage = { units: 1n, price: 0n, errorPrice: 0n, token: ZERO_ADDRESS }
    const bytes = encodeTensor(input)
    const infer = (nonce?: `0x${string}`) =>
      client.infer({
        origin: { type: 'client', nonce: fresh() },
        artifact,
        input: bytes,
        anchor,
        maxOutput: 8192,
        usage,
        ...(nonce && { nonce }),
      })
    return {
      empty: await measure(100, 20, () => client.health()),
      infer: await measure(100, 20, () => infer()),
      inferWithEvidence: await measure(100, 20, () => infer(fresh())),
    }
  } finally {
    client.close()
    await enclave.terminate()
  }
}

function fresh(): `0x${string}` {
  return toHex(randomBytes(32))
}
