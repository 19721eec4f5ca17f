import { readFile } from 'node:fs/promises'
import type { EnclaveConfig, Hex } from '@nacre/verify'
import { sha256 } from '@nacre/verify'
import { FatalError, RetryableError } from '../common/errors.ts'
import type { Driver } from '../drivers/driver.ts'
import type { Image } from '../drivers/image.ts'
import { createEnclaveClient, type EnclaveClient } from '../enclaveClient.ts'
import { EnclaveError } from '../enclaveErrors.ts'
import type { SimulatedRoot } from '../nsm/root.ts'
import type { ArtifactInfo, Launched } from './enclaves.ts'

export type Artifact = { artifact: Hex; bytes: Uint8Array }

export type LaunchEnclaveOptions = {
  driver: Driver
  image: Image
  root: SimulatedRoot
  config: EnclaveConfig
  artifacts: Artifact[]
  onLog: (line: string) => void
}

/** Reads artifact files; their name is the hash of their bytes. Throws CONFIG_INVALID for one that cannot be read. */
export async function readArtifacts(files: string[]): Promise<Artifact[]> {
  return Promise.all(
    files.map(async file => {
      const bytes = await readFile(file).catch(cause => {
        throw new FatalError('CONFIG_INVALID', `The artifact ${file} cannot be read: ${String(cause)}.`, {
          fix: 'Name existing, readable files in artifacts.',
          cause,
        })
      })
      return { artifact: sha256(bytes), bytes }
    }),
  )
}

/** Starts an enclave and loads every artifact. Throws ENCLAVE_UNAVAILABLE (retryable). */
export async function launchEnclave({
  driver,
  image,
  root,
  config,
  artifacts,
  onLog,
}: LaunchEnclaveOptions): Promise<Launched> {
  const running = await attempt(() => driver.launch(image, { config, root, onLog }))
  const client = createEnclaveClient({ socketPath: running.socketPath })
  const terminate = () => {
    client.close()
    return running.terminate()
  }
  try {
    const { identity, config: own } = await attempt(() => client.identity())
    const loaded = await loadAll(client, artifacts)
    return {
      identity,
      config: own,
      artifacts: loaded,
      attest: nonce => attempt(() => client.attest(nonce)),
      infer: job => attempt(() => client.infer(job)),
      exited: running.exited,
      pid: running.pid,
      sandboxed: running.sandboxed,
      terminate,
    }
  } catch (error) {
    await terminate()
    throw error
  }
}

async function loadAll(client: EnclaveClient, artifacts: Artifact[]): Promise<ArtifactInfo[]> {
  const loaded: ArtifactInfo[] = []
  for (const { artifact, bytes } of artifacts)
    loaded.push(await attempt(() => client.loadArtifact(artifact, bytes)))
  return loaded
}

/** The channel's errors as the host's: what the caller sent wrongly, or an enclave that may answer later. */
async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const { message, fix } = cause as { message: string; fix?: string }
    const options = { cause, ...(fix === undefined ? {} : { fix }) }
    if (!(cause instanceof EnclaveError) || cause.retryable)
      throw new RetryableError('ENCLAVE_UNAVAILABLE', message, options)
    if (cause.code === 'unknown-artifact') throw new FatalError('NOT_FOUND', message, options)
    if (cause.code === 'malformed-response') throw new FatalError('ANSWER_INVALID', message, options)
    throw new FatalError('BAD_REQUEST', `${cause.code}: ${message}`, options)
  }
}
