import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { Driver } from '@nacre/host/drivers/driver'
import type { Image } from '@nacre/host/drivers/image'
import { createEnclaveClient, type EnclaveClient } from '@nacre/host/enclaveClient'
import type { SimulatedRoot } from '@nacre/host/nsm/root'
import { assemble, type Job } from '@nacre/host/operator/bundle'
import { withDevelopmentRoot } from '@nacre/sdk'
import {
  DEFAULT_POLICY,
  type EnclaveConfig,
  encodeTensor,
  fromHex,
  type Hex,
  manifestHash,
  type ReceiptBundle,
  releaseId,
  type Tensor,
  toHex,
  verifyReceipt,
  ZERO_ADDRESS,
  ZERO_HASH,
} from '@nacre/verify'
import { nodeCrypto } from '../cli/src/nodeCrypto.ts'
import { CASES } from './cases.ts'
import { measure, type Times } from './stats.ts'

/** One life of an enclave. */
export type Launch = {
  /** From the launch to an answer that was verified with its evidence, milliseconds. */
  first_answer_ms: number
  infer: Times
  infer_with_evidence: Times
  /** An artifact of 8 MiB: to the enclave, and hashed there. */
  artifact_mb_per_s: number
  /** What its processes have in memory, after all this. */
  memory_mb: number
  /** Its own process's command line. */
  command: string[]
}

/** What an enclave is asked. */
export type Question = { artifact: Hex; path: string; input: Tensor }

/** An enclave that runs, and asks of it that are answered with a receipt and, given a nonce, with fresh evidence. */
export type OpenEnclave = {
  client: EnclaveClient
  /** Its own process. */
  pid: number
  /** Answered over fresh evidence, not verified. */
  ask(question: Question): Promise<ReceiptBundle>
  /** Every check of the receipt, as a client has it. @throws Error where one fails */
  verify(bundle: ReceiptBundle): void
  terminate(): Promise<void>
}

const MODEL = CASES.find(one => one.model === 'iris-ols')!
const PUBLISHER: Hex = `0x${'11'.repeat(20)}`
const ARTIFACT_BYTES = 8 * 2 ** 20
const [CALLS, WARM_UP] = [50, 50]

/** Launches an image, has it answer until its times are steady, and ends it. */
export async function benchLaunch(driver: Driver, image: Image, root: SimulatedRoot): Promise<Launch> {
  const started = performance.now()
  const enclave = await openEnclave(driver, image, root)
  const { client, pid } = enclave
  try {
    await client.loadArtifact(MODEL.artifact, readFileSync(MODEL.path))
    enclave.verify(await enclave.ask(MODEL))
    const first_answer_ms = Math.round(performance.now() - started)
    return {
      first_answer_ms,
      infer: await measure(CALLS, WARM_UP, () => infer(client, jobOf(MODEL))),
      infer_with_evidence: await measure(CALLS, WARM_UP, () => infer(client, jobOf(MODEL, fresh()))),
      artifact_mb_per_s: await artifactRate(client),
      memory_mb: Math.round(memoryOf(pid) / 1e6),
      command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'),
    }
  } finally {
    await enclave.terminate()
  }
}

/** Launches an image of no operator's, and knows what a client needs to verify its receipts. */
export async function openEnclave(driver: Driver, image: Image, root: SimulatedRoot): Promise<OpenEnclave> {
  const id = releaseId(PUBLISHER, manifestHash(image.manifest))
  const limits = { maxInput: 1 << 20, maxOutput: 1 << 20 }
  const chain = { chainId: 31_337n, registry: ZERO_ADDRESS, operator: ZERO_ADDRESS }
  const config: EnclaveConfig = { version: 1, ...chain, releaseId: id, ...limits }
  const enclave = await driver.launch(image, { config, root })
  const client = createEnclaveClient({ connect: enclave.connect })
  const policy = withDevelopmentRoot({ ...DEFAULT_POLICY, releases: [id] }, root.certificate)
  const attested = {
    ...(await client.identity()),
    release: { publisher: PUBLISHER, manifest: image.manifest },
  }
  return {
    client,
    pid: enclave.pid,
    async ask(question) {
      const nonce = fresh()
      const job = jobOf(question, nonce)
      const answer = await infer(client, job)
      const { evidence } = answer
      if (!evidence) throw new Error('an answer without evidence')
      return assemble({ ...attested, evidence, evidenceNonce: nonce }, job, answer)
    },
    verify(bundle) {
      const time = BigInt(Math.floor(Date.now() / 1000))
      const { ok, checks } = verifyReceipt(bundle, policy, {
        time,
        expect: { evidenceNonce: bundle.evidenceNonce },
        crypto: nodeCrypto,
      })
      if (!ok) throw new Error(`not verified: ${JSON.stringify(checks.filter(check => !check.ok))}`)
    },
    async terminate() {
      client.close()
      await enclave.terminate()
    },
  }
}

function jobOf({ artifact, input }: Question, nonce?: Hex): Job {
  return {
    origin: { type: 'client', nonce: fresh() },
    artifact,
    input: toHex(encodeTensor(input)),
    anchor: { number: 1n, hash: ZERO_HASH },
    maxOutput: 1 << 16,
    usage: { units: 1n, price: 0n, errorPrice: 0n, token: ZERO_ADDRESS },
    ...(nonce && { nonce }),
  }
}

function infer(client: EnclaveClient, job: Job) {
  return client.infer({ ...job, input: fromHex(job.input) })
}

/** Bytes that no model is: they are refused by their hash once all are there. */
async function artifactRate(client: EnclaveClient): Promise<number> {
  const bytes = randomBytes(ARTIFACT_BYTES)
  const { median } = await measure(3, 1, async () => {
    const refusal = await client.loadArtifact(fresh(), bytes).catch(error => error)
    if (refusal.code !== 'artifact-mismatch') throw new Error('an artifact that is none was taken')
  })
  return Math.round(ARTIFACT_BYTES / 1e2 / median) / 10
}

/** Of a process and all that it started, bytes in memory, now or at most: what they share counts for each. */
export function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const parents = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  const children = parents.filter(name => statusOf(name, 'PPid') === pid)
  return (
    statusOf(`${pid}`, field) * 1024 +
    children.reduce((sum, child) => sum + memoryOf(Number(child), field), 0)
  )
}

function statusOf(pid: string, field: string): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)
  } catch {
    return 0
  }
}

function fresh(): Hex {
  return toHex(randomBytes(32))
}
