import { loadImage } from '@nacre/host/drivers/image'
import { simulatedDriver } from '@nacre/host/drivers/simulated'
import { createEnclaveClient } from '@nacre/host/enclaveClient'
import { createRoot } from '@nacre/host/nsm/root'
import { simulatedMeasurement } from '@nacre/verify'
import { describe } from 'vitest'
import { buildImage } from '../../enclave/scripts/build.ts'
import { ARTIFACT_ATTACKS, CHANNEL_ATTACKS } from './channelAttacks.ts'
import { surviveAll } from './drive.ts'
import { CONFIG, type Target } from './target.ts'

/** The simulated driver: what reaches the channel. Its module and its start are the driver's own. */
async function open(): Promise<Target> {
  const image = await loadImage((await buildImage()).dir)
  const said: string[] = []
  const root = createRoot()
  const engine = { maxArtifacts: 8, maxArtifactBytes: 2 ** 27 }
  const onLog = (line: string) => void said.push(line)
  const enclave = await simulatedDriver.launch(image, { config: CONFIG, root, engine, onLog })
  const client = createEnclaveClient({ connect: enclave.connect, timeoutMs: 60_000 })
  const { registers: pcrs } = simulatedMeasurement(image.manifest)
  return {
    ...{ connect: enclave.connect, client, said, pids: [enclave.pid], root, pcrs, exited: enclave.exited },
    async close() {
      client.close()
      await enclave.terminate()
    },
  }
}

describe('a simulated enclave answers as before', () =>
  surviveAll(open, [...CHANNEL_ATTACKS, ...ARTIFACT_ATTACKS]))
