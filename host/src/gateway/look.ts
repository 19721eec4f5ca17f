import { verifyAttestation } from '@nacre/sdk/attest'
import { type Hex, type Policy, toHex } from '@nacre/verify'
import { parseReport, reportsOf } from '@nacre/verify/inference'
import { arrayOf, hexOf, textOf } from '@nacre/verify/shape'
import { RetryableError } from '../common/errors.ts'

/** What was found at an operator. */
export type Seen = {
  /** Receipt key of its enclave. */
  enclave: Hex
  /** As `/v1/models` lists them, by their ids. */
  models: Map<string, Model>
}

export type Model = Record<string, unknown> & { id: string; artifact: Hex }

export type LookOptions = {
  url: string
  /** What enclaves have to be; anything where there is none. */
  policy: Policy | undefined
  timeoutMs: number
}

const MAX_MODELS = 262_144
const MAX_REPORT = 1_048_576
const readId = textOf(128)
const readArtifact = hexOf(32)

/**
 * Looks at an operator: its models, and its enclave's attestation, over a nonce of ours, unless `known` says that it is
 * the one that was attested before. What it says is untrusted, and bound in size and time.
 * @throws RetryableError ENCLAVE_UNAVAILABLE: it serves nothing, or nothing that the policy accepts
 */
export async function look({ url, policy, timeoutMs }: LookOptions, known?: Hex): Promise<Seen> {
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const { receiptKey } = (await getJson(`${url}/health`, 4_096, signal)) as { receiptKey?: unknown }
    const models = readModels(await getJson(`${url}/v1/models`, MAX_MODELS, signal))
    const enclave =
      known !== undefined && receiptKey === known ? known : await attested({ url, policy, signal })
    return { enclave, models: accepted(models, policy) }
  } catch (cause) {
    if (cause instanceof RetryableError) throw cause
    const reason = signal.aborted ? `no answer in ${timeoutMs} ms` : (cause as Error).message
    throw unavailable(url, reason, cause)
  }
}

/** The receipt key of an enclave that was verified, or, without a policy, the one that it names. */
async function attested(options: {
  url: string
  policy: Policy | undefined
  signal: AbortSignal
}): Promise<Hex> {
  const { url, policy, signal } = options
  const nonce = toHex(crypto.getRandomValues(new Uint8Array(32)))
  const answer = await getJson(`${url}/v1/attestation/report?nonce=${nonce}`, MAX_REPORT, signal)
  const [first] = reportsOf(answer)
  const { identity } = parseReport(first, 'report')
  if (!policy) return identity.receiptKey
  const time = BigInt(Math.floor(Date.now() / 1000))
  const { ok, checks } = verifyAttestation(first, { policy, nonce, time })
  if (ok) return identity.receiptKey
  const failed = checks.filter(check => !check.ok).map(({ name, detail }) => `${name} ${detail}`)
  throw unavailable(url, `the policy does not accept its enclave: ${failed.join('; ')}`)
}

function accepted(models: Model[], policy: Policy | undefined): Map<string, Model> {
  const wanted = models.filter(({ artifact }) => policy?.artifacts?.includes(artifact) ?? true)
  return new Map(wanted.map(model => [model.id, model]))
}

function readModels(answer: unknown): Model[] {
  const { data } = answer as { data?: unknown }
  return arrayOf(readModel, 64)(data, 'models')
}

function readModel(value: unknown, path: string): Model {
  const model = value as Record<string, unknown>
  return {
    ...model,
    id: readId(model?.id, `${path}.id`),
    artifact: readArtifact(model?.artifact, `${path}.artifact`),
  }
}

async function getJson(url: string, max: number, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { signal, redirect: 'error' })
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of response.body ?? []) {
    size += piece.length
    // Leaving the loop ends the connection.
    if (size > max) throw new Error(`an answer of more than ${max} bytes`)
    pieces.push(piece)
  }
  if (response.status !== 200)
    throw new Error(`${new URL(url).pathname} answers with status ${response.status}`)
  return JSON.parse(Buffer.concat(pieces).toString())
}

function unavailable(url: string, reason: string, cause?: unknown): RetryableError {
  return new RetryableError('ENCLAVE_UNAVAILABLE', `${url}: ${reason.slice(0, 500)}`, {
    fix: 'See the operator’s log, and that the policy accepts the release that it runs.',
    cause,
  })
}
