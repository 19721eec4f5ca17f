import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type EnclaveConfig, type Hex, type Manifest, manifestHash, releaseId } from '@nacre/verify'
import type { EnclaveService, InferenceLimits, RunningEnclave } from '../../host/src/drivers/driver.ts'
import { type Image, loadImage } from '../../host/src/drivers/image.ts'
import { simulatedDriver } from '../../host/src/drivers/simulated.ts'
import { createEnclaveClient, type EnclaveClient } from '../../host/src/enclaveClient.ts'
import { createRoot } from '../../host/src/nsm/root.ts'
import { type TinyOptions, tinyModel } from '../../models/gguf/tiny.ts'
import { buildImage } from '../scripts/build.ts'
import { IMAGES } from '../scripts/images.ts'
import { type Upstream, upstreamHash } from '../src/upstream/upstream.ts'

/** A real enclave of the image `nacre-llama` for tests, its API on ports of this machine. */
export type LanguageEnclave = {
  enclave: RunningEnclave
  client: EnclaveClient
  config: EnclaveConfig
  /** As its operator tells it, and the certificate of the root that its evidence is under (DER). */
  release: { publisher: Hex; manifest: Manifest }
  root: Uint8Array
  imageDir: string
  log: string[]
  /** Base URLs, ending in /v1. */
  url: string
  tlsUrl: string
  addModel(id: string, options?: TinyOptions): Promise<Hex>
  close(): Promise<void>
}

export const PRICES = { token: `0x${'00'.repeat(20)}`, prompt: '3', completion: '5' } as const
export const ANCHOR = { number: 7n, hash: `0x${'cc'.repeat(32)}` } as const

const PUBLISHER: Hex = `0x${'aa'.repeat(20)}`
const LIMITS: InferenceLimits = { sequences: 2, contextSize: 1024, threads: 1, queue: 8 }

type ImageName = 'llama' | 'llama-avx512' | 'upstream'

const images = new Map<ImageName, Promise<Image>>()

/** Built once a process, in a folder of its own: other tests build theirs at the same time. */
function builtImage(name: ImageName): Promise<Image> {
  const build = async () => {
    const dir = await mkdtemp(join(tmpdir(), `nacre-${name}-`))
    process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
    return loadImage((await buildImage(join(dir, 'image'), IMAGES[name])).dir)
  }
  const image = images.get(name) ?? build()
  images.set(name, image)
  return image
}

export async function startLanguageEnclave(
  limits: Partial<InferenceLimits> = {},
  { image = 'llama', ...bounds }: { maxInput?: number; maxOutput?: number; image?: ImageName } = {},
  upstream?: Upstream,
): Promise<LanguageEnclave> {
  const built = await builtImage(upstream ? 'upstream' : image)
  const config: EnclaveConfig = {
    ...(upstream ? { version: 2, engineHash: upstreamHash(upstream) } : { version: 1 }),
    ...{ chainId: 31_337n, registry: `0x${'bb'.repeat(20)}`, operator: PUBLISHER },
    releaseId: releaseId(PUBLISHER, manifestHash(built.manifest)),
    ...{ maxInput: 65_536, maxOutput: 1_048_576, ...bounds },
  }
  const log: string[] = []
  const root = createRoot()
  const enclave = await simulatedDriver.launch(built, {
    config,
    root,
    inference: { ...LIMITS, ...limits },
    engine: { maxArtifacts: 8, maxArtifactBytes: 2 ** 32 },
    ...(upstream && { upstream }),
    onLog: line => log.push(line),
  })
  const client = createEnclaveClient({ connect: enclave.connect })
  const [api, tls] = await Promise.all([forward(enclave, 'api'), forward(enclave, 'tls')])
  return {
    ...{ enclave, client, config, log, root: root.certificate },
    release: { publisher: PUBLISHER, manifest: built.manifest },
    imageDir: built.dir,
    url: `http://127.0.0.1:${api.port}/v1`,
    tlsUrl: `https://127.0.0.1:${tls.port}/v1`,
    addModel: (id, options) => addModel(client, id, options),
    async close() {
      await Promise.all([api.close(), tls.close()])
      client.close()
      await enclave.terminate()
    },
  }
}

async function addModel(client: EnclaveClient, id: string, options?: TinyOptions): Promise<Hex> {
  const bytes = tinyModel(options)
  const artifact: Hex = `0x${createHash('sha256').update(bytes).digest('hex')}`
  const dir = await mkdtemp(join(tmpdir(), 'nacre-gguf-'))
  const file = join(dir, 'model.gguf')
  try {
    await writeFile(file, bytes)
    await client.loadModel({ id, artifact, file, size: bytes.length })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
  return artifact
}

/** Connections to a port of this machine go to a service of the enclave, byte for byte. */
async function forward(enclave: RunningEnclave, service: EnclaveService) {
  const open = new Set<Duplex>()
  const server = createServer(socket => {
    open.add(socket)
    socket.on('error', () => {}).on('close', () => open.delete(socket))
    enclave.connect(service).then(
      other => {
        other.on('error', () => {})
        socket.on('close', () => other.destroy())
        other.on('close', () => socket.destroy())
        socket.pipe(other).pipe(socket)
      },
      () => socket.destroy(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Fields of the JSON of answers, of which each has some. */
export type Told = {
  error: { code: string }
  receipt: object
  usage: { units: number }
  identity: object
  config: object
  evidence: { kind: string }
  evidenceNonce: string
  text: string
  signature: Hex
  signing_address: Hex
}

export async function jsonOf(response: Response): Promise<Told> {
  return (await response.json()) as Told
}
