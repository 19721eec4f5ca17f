import { fromUtf8 } from '@nacre/verify'
import { iso, parsePem, parseX509 } from '@nacre/verify/attest/certificate'
import { parseCrl } from '@nacre/verify/attest/crl'

/**
 * Until when a file of collateral may be used, ISO 8601: nextUpdate of a list or of what Intel signed, and of
 * certificates the first end of validity. Nothing of it is verified here.
 * @throws Error for a file that is none of these
 */
export function expiryOf(name: string, bytes: Uint8Array): string {
  if (name.endsWith('.crl')) return iso(parseCrl(bytes).nextUpdate)
  if (name.endsWith('.json')) return nextUpdateOf(JSON.parse(fromUtf8(bytes)))
  const certificates = name.endsWith('.pem') ? parsePem(fromUtf8(bytes)) : [bytes]
  const ends = certificates.map(der => parseX509(der).notAfter).sort((a, b) => (a < b ? -1 : 1))
  return iso(ends[0] as bigint)
}

function nextUpdateOf(answer: { [name: string]: { nextUpdate?: unknown } }): string {
  const { nextUpdate } = answer.tcbInfo ?? answer.enclaveIdentity ?? {}
  if (typeof nextUpdate === 'string' && !Number.isNaN(Date.parse(nextUpdate))) return nextUpdate
  throw new Error('the answer does not say until when it is good')
}
