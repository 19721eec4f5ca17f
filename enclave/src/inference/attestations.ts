import { randomBytes } from 'node:crypto'
import type { EnclaveConfig, Hex, Identity } from '@nacre/verify'
import type { Evidence } from '@nacre/verify/evidence'
import type { AttestationReport } from '@nacre/verify/inference'
import type { Attester } from '../attest/evidence.ts'
import { ApiError } from './apiErrors.ts'
import { EVIDENCE_AGE_MS, MAX_ATTESTING } from './limits.ts'
import type { ModelStore } from './modelStore.ts'

/** Identity, configuration, and evidence over them with its nonce: what a receipt is checked with. */
export type Attestation = {
  identity: Identity
  config: EnclaveConfig
  evidence: Evidence
  evidenceNonce: Hex
}

export type Attestations = {
  /** With evidence that is some minutes old at most. @throws ApiError, ChannelError security-module */
  recent(): Promise<Attestation>
  /** docs/inference.md, Attestation. @throws ApiError model_not_found, not_ready, not_found, queue_full */
  report(query: URLSearchParams): Promise<AttestationReport>
}

const QUERY = ['model', 'nonce', 'signing_address']

export function createAttestations(
  own: { identity: Identity; config: EnclaveConfig; engine: string },
  attester: Attester,
  models: ModelStore,
): Attestations {
  const { identity, config, engine } = own
  let asked = 0
  let last: { made: number; attestation: Promise<Attestation> } | undefined

  const attest = async (nonce: Hex): Promise<Attestation> => {
    if (asked >= MAX_ATTESTING) throw new ApiError('queue_full', `${asked} attestations are made already`)
    asked++
    try {
      return { identity, config, evidence: await attester.attest(nonce), evidenceNonce: nonce }
    } finally {
      asked--
    }
  }
  return {
    recent() {
      const now = performance.now()
      if (last && now - last.made < EVIDENCE_AGE_MS) return last.attestation
      const attestation = attest(drawn())
      const made = { made: now, attestation }
      last = made
      attestation.catch(() => {
        if (last === made) last = undefined
      })
      return attestation
    },
    async report(query) {
      const { model: id, nonce, signing_address: address } = readQuery(query)
      const key = identity.receiptKey
      if (address !== undefined && address.toLowerCase() !== key)
        throw new ApiError('not_found', `this enclave signs as ${key}`, 'signing_address')
      const model = models.get(id ?? models.list()[0]?.id ?? '')
      const list = models.list().map(({ id, artifact }) => ({ id, artifact }))
      return {
        ...{ model: model.id, artifact: model.artifact, models: list, engine },
        ...(await attest(nonce ?? drawn())),
        ...{ signing_address: key, signing_algo: 'ecdsa' },
      }
    },
  }
}

function drawn(): Hex {
  return `0x${randomBytes(32).toString('hex')}`
}

/** @throws ApiError unknown_parameter, invalid_value */
function readQuery(query: URLSearchParams): { model?: string; nonce?: Hex; signing_address?: string } {
  const names = [...query.keys()]
  const unknown = names.find(name => !QUERY.includes(name))?.slice(0, 64)
  if (unknown !== undefined) throw new ApiError('unknown_parameter', `unknown parameter: ${unknown}`, unknown)
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice) throw new ApiError('invalid_value', `${twice} is there twice`, twice)
  const { nonce, ...rest } = Object.fromEntries(query) as Record<string, string>
  if (nonce === undefined) return rest
  const digits = nonce.toLowerCase().replace(/^0x/, '')
  if (/^[0-9a-f]{64}$/.test(digits)) return { ...rest, nonce: `0x${digits}` }
  throw new ApiError('invalid_value', 'nonce must be 32 bytes in hex', 'nonce')
}
