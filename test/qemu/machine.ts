import { loadImage } from '@nacre/host/drivers/image'
import { qemuDriver } from '@nacre/host/drivers/qemu'
import { createEnclaveClient, type EnclaveClient } from '@nacre/host/enclaveClient'
import { createRoot, type SimulatedRoot } from '@nacre/host/nsm/root'
import type { EnclaveConfig } from '@nacre/verify'
import { ZERO_ADDRESS, ZERO_HASH } from '@nacre/verify'

/** The folder of the release under test: test/qemu/run.ts builds it. */
export function releaseDir(): string {
  const dir = process.env.NACRE_QEMU_RELEASE
  if (dir === undefined) throw new Error('run these tests by npm run test:qemu: it builds what they boot')
  return dir
}

export const CONFIG: EnclaveConfig = {
  version: 1,
  chainId: 31_337n,
  registry: ZERO_ADDRESS,
  operator: ZERO_ADDRESS,
  releaseId: ZERO_HASH,
  maxInput: 65_536,
  maxOutput: 65_536,
}

/** A booted guest, and a client of its channel. */
export type Guest = Awaited<ReturnType<typeof bootGuest>>

export async function bootGuest(
  options: { config?: EnclaveConfig; root?: SimulatedRoot; dir?: string; stateDir?: string } = {},
) {
  const { config = CONFIG, root = createRoot(), dir = releaseDir(), stateDir } = options
  const said: string[] = []
  const image = await loadImage(dir)
  const enclave = await qemuDriver.launch(image, {
    config,
    root,
    onLog: line => void said.push(line),
    ...(stateDir !== undefined && { stateDir }),
  })
  const client: EnclaveClient = createEnclaveClient({ connect: enclave.connect })
  const close = async () => {
    client.close()
    await enclave.terminate()
  }
  return { image, enclave, client, root, said, close }
}
