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
  type Hex,
  manifestHash,
  releaseId,
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

const MODEL = CASES.find(one => one.model === 'iris-ols')!
const PUBLISHER: Hex = `0x${'11'.repeat(20)}`
const ARTIFACT_BYTES = 8 * 2 ** 20
const [CALLS, WARM_UP] = [50, 50]

/** Launches an image, has it answer until its times are steady, and ends it. */
export async function benchLaunch(driver: Driver, image: Image, root: SimulatedRoot): Promise<Launch> {
  const id = releaseId(PUBLISHER, manifestHash(image.manifest))
  const limits = { maxInput: 1 << 20, maxOutput: 1 << 20 }
  const chain = { chainId: 31_337n, registry: ZERO_ADDRESS, operator: ZERO_ADDRESS }
  const config: EnclaveConfig = { version: 1, ...chain, releaseId: id, ...limits }
  const started = performance.now()
  const enclave = await driver.launch(image, { config, root })
  const client = createEnclaveClient({ connect: enclave.connect })
  try {
    await client.loadArtifact(MODEL.artifact, readFileSync(MODEL.path))
    await answerVerified(client, { image, root, releaseId: id })
    const first_answer_ms = Math.round(performance.now() - started)
    return {
      first_answer_ms,
      infer: await measure(CALLS, WARM_UP, () => ask(client)),
      infer_with_evidence: await measure(CALLS, WARM_UP, () => ask(client, fresh())),
      artifact_mb_per_s: await artifactRate(client),
      memory_mb: Math.round(memoryOf(enclave.pid) / 1e6),
      command: readFileSync(`/proc/${enclave.pid}/cmdline`, 'utf8').split('\0'),
    }
  } finally {
    client.close()
    await enclave.terminate()
  }
}

function jobOf(nonce?: Hex): Job {
  return {
    origin: { type: 'client', nonce: fresh() },
    artifact: MODEL.artifact,
    input: toHex(encodeTensor(MODEL.input)),
    anchor: { number: 1n, hash: ZERO_HASH },
    maxOutput: 8192,
    usage: { units: 1n, price: 0n, errorPrice: 0n, token: ZERO_ADDRESS },
    ...(nonce && { nonce }),
  }
}

function ask(client: EnclaveClient, nonce?: Hex) {
  return client.infer({ ...jobOf(nonce), input: encodeTensor(MODEL.input) })
}

/** As a client would have it: every check of the receipt, the evidence over its own nonce. */
async function answerVerified(
  client: EnclaveClient,
  { image, root, releaseId }: { image: Image; root: SimulatedRoot; releaseId: Hex },
): Promise<void> {
  const { identity, config } = await client.identity()
  const nonce = fresh()
  const job = jobOf(nonce)
  const answer = await client.infer({ ...job, input: encodeTensor(MODEL.input) })
  const { evidence } = answer
  if (!evidence) throw new Error('an answer without evidence')
  const release = { publisher: PUBLISHER, manifest: image.manifest }
  const bundle = assemble({ identity, config, evidence, evidenceNonce: nonce, release }, job, answer)
  const policy = withDevelopmentRoot({ ...DEFAULT_POLICY, releases: [releaseId] }, root.certificate)
  const time = BigInt(Math.floor(Date.now() / 1000))
  const { ok, checks } = verifyReceipt(bundle, policy, {
    time,
    expect: { evidenceNonce: nonce },
    crypto: nodeCrypto,
  })
  if (!ok) throw new Error(`not verified: ${JSON.stringify(checks.filter(check => !check.ok))}`)
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

/** Of this process and all that it started, bytes in memory: what they share counts for each. */
function memoryOf(pid: number): number {
  const parents = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  const children = parents.filter(name => statusOf(name, 'PPid') === pid)
  return (
    statusOf(`${pid}`, 'VmRSS') * 1024 + children.reduce((sum, child) => sum + memoryOf(Number(child)), 0)
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
