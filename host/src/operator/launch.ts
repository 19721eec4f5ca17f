import { readFile, stat } from 'node:fs/promises'
import type { EnclaveConfig, Hex, Identity } from '@nacre/verify'
import { configHash, fromHex, messageOf, sha256 } from '@nacre/verify'
import { FatalError, type HostError, RetryableError } from '../common/errors.ts'
import { sha256File } from '../common/hashFile.ts'
import { unlessAborted } from '../common/wait.ts'
import { type Driver, ENGINE_LIMITS, type InferenceLimits, type Upstream } from '../drivers/driver.ts'
import type { Image } from '../drivers/image.ts'
import {
  createEnclaveClient,
  type EnclaveClient,
  type LoadedModel,
  type ModelFile,
} from '../enclaveClient.ts'
import { EnclaveError } from '../enclaveErrors.ts'
import type { SimulatedRoot } from '../nsm/root.ts'
import type { ArtifactInfo, Launched } from './enclaves.ts'

export type Artifact = { artifact: Hex; bytes: Uint8Array; file: string }

export type LaunchEnclaveOptions = {
  driver: Driver
  image: Image
  root: SimulatedRoot
  config: EnclaveConfig
  artifacts: Artifact[]
  /** Of an image for language models. */
  inference?: { models: ModelFile[]; limits: InferenceLimits; upstream?: Upstream | undefined }
  onLog: (line: string) => void
  onWarning?: (text: string) => void
  /** Where the launch is recorded, so that the next agent ends it if this one is killed. */
  stateDir?: string
  /** Gives it up, and leaves no enclave. */
  signal?: AbortSignal
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
      return { artifact: sha256(bytes), bytes, file }
    }),
  )
}

/** Hashes model files, a piece at a time. Throws CONFIG_INVALID for one that cannot be read. */
export async function readModels(models: { id: string; file: string }[]): Promise<ModelFile[]> {
  return Promise.all(
    models.map(async ({ id, file }) => {
      try {
        return { id, file, artifact: await sha256File(file), size: (await stat(file)).size }
      } catch (cause) {
        throw new FatalError('CONFIG_INVALID', `The model ${file} cannot be read: ${String(cause)}.`, {
          fix: 'Name existing, readable files in inference.models.',
          cause,
        })
      }
    }),
  )
}

/** Starts an enclave and loads every artifact. Throws ENCLAVE_UNAVAILABLE (retryable), CONFIG_INVALID for an artifact that it refuses. */
export async function launchEnclave({
  driver,
  image,
  root,
  config,
  artifacts,
  inference,
  onLog,
  onWarning,
  stateDir,
  signal,
}: LaunchEnclaveOptions): Promise<Launched> {
  const running = await attempt(() =>
    driver.launch(image, {
      ...{ config, root, onLog },
      ...(inference && { inference: inference.limits, engine: engineFor(inference.models) }),
      ...(inference?.upstream && { upstream: inference.upstream }),
      ...(stateDir !== undefined && { stateDir }),
      ...(onWarning && { onWarning }),
      ...(signal && { signal }),
    }),
  )
  const client = createEnclaveClient({ connect: running.connect })
  const terminate = () => {
    client.close()
    return running.terminate()
  }
  try {
    const { identity, config: own } = await unlessAborted(
      attempt(() => client.identity()),
      signal,
    )
    checkOwn(identity, own, config)
    const loaded = await unlessAborted(loadAll(client, artifacts), signal)
    const models = await unlessAborted(loadModels(client, inference?.models ?? []), signal)
    return {
      identity,
      config: own,
      artifacts: loaded,
      models,
      connect: running.connect,
      setTerms: terms => attempt(() => client.setTerms(terms)),
      attest: nonce => attempt(() => client.attest(nonce)),
      infer: job => attempt(() => client.infer({ ...job, input: fromHex(job.input) })),
      exited: running.exited,
      pid: running.pid,
      sandboxed: running.sandboxed,
      terminate,
    }
  } catch (error) {
    // Its record stays, for the next agent.
    await terminate().catch(cause => onLog(`not ended: ${messageOf(cause)}`))
    throw error
  }
}

/** Its key is registered at our cost, for whom its configuration names, and with the limits in it. */
function checkOwn({ configHash: bound }: Identity, own: EnclaveConfig, given: EnclaveConfig): void {
  const expected = configHash(given)
  if (configHash(own) === expected && bound === expected) return
  throw new RetryableError(
    'ENCLAVE_UNAVAILABLE',
    'The enclave has another configuration than it was given.',
    {
      fix: 'Use the image of the release: one that was measured takes what it is given.',
    },
  )
}

async function loadAll(client: EnclaveClient, artifacts: Artifact[]): Promise<ArtifactInfo[]> {
  const loaded: ArtifactInfo[] = []
  for (const { artifact, bytes, file } of artifacts) {
    try {
      loaded.push(await client.loadArtifact(artifact, bytes))
    } catch (cause) {
      throw refusalOf(file, cause) ?? hostError(cause)
    }
  }
  return loaded
}

async function loadModels(client: EnclaveClient, models: ModelFile[]): Promise<LoadedModel[]> {
  const loaded: LoadedModel[] = []
  for (const model of models) {
    try {
      loaded.push(await client.loadModel(model))
    } catch (cause) {
      throw refusalOf(model.file, cause) ?? hostError(cause)
    }
  }
  return loaded
}

/** Room for these models, however large. */
function engineFor(models: ModelFile[]): typeof ENGINE_LIMITS {
  const total = models.reduce((sum, { size }) => sum + size, 0)
  return { ...ENGINE_LIMITS, maxArtifactBytes: Math.max(ENGINE_LIMITS.maxArtifactBytes, total) }
}

async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw hostError(cause)
  }
}

/** That the enclave will not have this artifact, however often it is asked: who configured it has to know which it is. */
function refusalOf(file: string, cause: unknown): HostError | undefined {
  if (!(cause instanceof EnclaveError) || cause.retryable || cause.code === 'malformed-response')
    return undefined
  return new FatalError('CONFIG_INVALID', `The enclave does not load the artifact ${file}.`, {
    why: `${cause.code}: ${cause.message}`,
    fix: cause.fix ?? 'Leave it out of artifacts.',
    cause,
  })
}

/** The channel's errors as the host's: what the caller sent wrongly, or an enclave that may answer later. */
function hostError(cause: unknown): HostError {
  const { message, fix } = cause as { message: string; fix?: string }
  const options = { cause, ...(fix === undefined ? {} : { fix }) }
  if (!(cause instanceof EnclaveError) || cause.retryable)
    return new RetryableError('ENCLAVE_UNAVAILABLE', message, options)
  if (cause.code === 'unknown-artifact') return new FatalError('NOT_FOUND', message, options)
  if (cause.code === 'voucher-refused') return new FatalError('PAYMENT_REQUIRED', message, options)
  if (cause.code === 'malformed-response') return new FatalError('ANSWER_INVALID', message, options)
  return new FatalError('BAD_REQUEST', `${cause.code}: ${message}`, options)
}
