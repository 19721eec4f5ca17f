import { equalBytes, fromUtf8, utf8 } from '../bytes.ts'
import { canonicalJson } from '../canonicalJson.ts'
import { messageOf, NacreError } from '../errors.ts'
import { parseJson } from '../shape.ts'
import { type EvidencePolicy, parseEvidencePolicy } from './evidencePolicy.ts'

/** Longest policy that is an artifact, bytes. */
export const MAX_POLICY_ARTIFACT = 65_536

/**
 * An evidence policy as an artifact, by whose SHA-256 receipts name it: canonical JSON (RFC 8785: sorted keys, no
 * white space), hex in lower case and without prefixes.
 * @throws NacreError as parseEvidencePolicy, too-large
 */
export function encodePolicyArtifact(policy: EvidencePolicy): Uint8Array {
  const bytes = utf8(canonicalJson(parseEvidencePolicy(policy)))
  if (bytes.length > MAX_POLICY_ARTIFACT)
    throw new NacreError('too-large', `a policy of ${bytes.length} bytes, at most ${MAX_POLICY_ARTIFACT}`)
  return bytes
}

/** @throws NacreError invalid-artifact: no policy, too long, or not canonical */
export function decodePolicyArtifact(bytes: Uint8Array): EvidencePolicy {
  if (bytes.length > MAX_POLICY_ARTIFACT) throw invalid(`it is longer than ${MAX_POLICY_ARTIFACT} bytes`)
  try {
    const policy = parseEvidencePolicy(parseJson(fromUtf8(bytes), MAX_POLICY_ARTIFACT, 'policy'))
    if (equalBytes(encodePolicyArtifact(policy), bytes)) return policy
  } catch (cause) {
    throw invalid(messageOf(cause), cause)
  }
  throw invalid('its bytes are not canonical')
}

function invalid(reason: string, cause?: unknown): NacreError {
  return new NacreError('invalid-artifact', `not an evidence policy: ${reason}`, { cause })
}
