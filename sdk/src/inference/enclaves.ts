import { type Hex, messageOf, ZERO_HASH } from '@nacre/verify'
import { type AttestationReport, parseReport, reportsOf } from '@nacre/verify/inference'
import { type Attested, verifyAttestation } from '../attest.ts'
import { sdkError } from '../errors.ts'
import { call, isObject } from '../operatorHttp.ts'
import { freshNonce, type Settings } from './options.ts'

/** An enclave whose evidence was verified: requests may be sealed to its key. */
export type PinnedEnclave = {
  /** The enclave's own name of the model. */
  model: string
  report: AttestationReport & { release: NonNullable<AttestationReport['release']> }
  /** Unix time, seconds, from which on its evidence is too old for the policy. */
  until: bigint
}

/** What was found, and for each enclave that is not accepted the reason. */
export type Discovery = { enclaves: PinnedEnclave[]; refused: string[] }

/**
 * Asks for the enclaves that serve a model, under a fresh nonce, and verifies each: evidence, configuration, release and
 * what the policy wants.
 * @throws NacreError unreachable, operator-error, bad-answer, model-not-served, unverified-enclave
 */
export async function discover(settings: Settings, name: string, artifact: Hex): Promise<Discovery> {
  const model = await idOf(settings, name, artifact)
  const nonce = freshNonce()
  const query = new URLSearchParams({ model, nonce })
  const asked = settings.now()
  const answer = await call(httpOf(settings), `/v1/attestation/report?${query}`)
  const enclaves: PinnedEnclave[] = []
  const refused: string[] = []
  for (const one of reportsOf(answer)) {
    try {
      const report = verifiedReport(settings, one, { nonce, artifact, time: asked })
      if (settings.exclude?.includes(report.identity.receiptKey))
        throw sdkError('unverified-enclave', `${report.identity.receiptKey} is excluded`)
      enclaves.push({ model, report, until: asked + BigInt(settings.policy.maxEvidenceAge) })
    } catch (error) {
      refused.push(messageOf(error))
    }
  }
  if (enclaves.length > 0) return { enclaves, refused }
  throw sdkError(
    'unverified-enclave',
    `${settings.url} has no enclave for ${name.slice(0, 128)} that the policy accepts: ${refused.slice(0, 4).join('; ') || 'it named none'}.`,
  )
}

/**
 * A report that holds and serves the artifact. What models there are is the host's word, too: the receipt of an answer
 * says which file made it.
 */
export function verifiedReport(
  { policy, crypto }: Pick<Settings, 'policy' | 'crypto'>,
  value: unknown,
  { nonce, artifact, time }: { nonce: Hex; artifact?: Hex; time: bigint },
): PinnedEnclave['report'] {
  const { release, ...report } = parseReport(value, 'report')
  if (!release) throw sdkError('bad-answer', 'the report names no release')
  const attested: Attested = verifyAttestation(value, { policy, nonce, time, ...(crypto && { crypto }) })
  const failed = attested.checks.filter(check => !check.ok).map(({ name, detail }) => `${name}: ${detail}`)
  if (failed.length > 0) throw sdkError('unverified-enclave', failed.join(', '))
  if (report.identity.hpkeKey === ZERO_HASH)
    throw sdkError('unverified-enclave', 'the enclave has no key to seal to')
  if (report.evidenceNonce !== nonce) throw sdkError('bad-answer', 'the report is over another nonce')
  if (artifact && !report.models.some(model => model.artifact === artifact))
    throw sdkError('model-not-served', `the enclave does not serve ${artifact}`)
  return { ...report, release }
}

/** The operators' name of an artifact: the caller's own where it is among them. */
async function idOf(settings: Settings, name: string, artifact: Hex): Promise<string> {
  const { data } = (await listModels(settings)) as { data: Record<string, unknown>[] }
  const ids = data.filter(model => model.artifact === artifact).map(({ id }) => id)
  const id = ids.find(one => one === name) ?? ids.find(one => typeof one === 'string')
  if (typeof id === 'string') return id
  const others = data.map(model => `${String(model.id)} (${String(model.artifact)})`.slice(0, 200))
  throw sdkError(
    'model-not-served',
    `${settings.url} serves no file ${artifact}; it names ${others.slice(0, 8).join(', ') || 'no model'}.`,
  )
}

/** The models of the other side, in OpenAI's form: nothing of it is verified. @throws NacreError unreachable, operator-error, bad-answer */
export async function listModels(settings: Settings): Promise<{ data: unknown[] }> {
  const answer = await call(httpOf(settings), '/v1/models')
  if (isObject(answer) && Array.isArray(answer.data) && answer.data.every(isObject))
    return answer as { data: unknown[] }
  throw sdkError('bad-answer', `${settings.url} sent no list of models.`)
}

function httpOf({ url, send, apiKey }: Settings): Parameters<typeof call>[0] {
  const authorization = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  return {
    url,
    maxBytes: 16 * 2 ** 20,
    fetch: (input, init) => send(input, { ...init, headers: { ...authorization, ...init?.headers } }),
  }
}
