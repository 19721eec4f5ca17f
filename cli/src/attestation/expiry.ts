import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromUtf8 } from '@nacre/verify'
import { iso, parsePem, parseX509 } from '@nacre/verify/attest/certificate'
import { parseCrl } from '@nacre/verify/attest/crl'
import { timeOf } from '@nacre/verify/attest/intelJson'

/** Beside the collateral: when to get it anew. */
export const EXPIRY_FILE = 'expiry.json'

/** ISO 8601; `expires` is the earliest of all files. */
export type Expiry = { expires: string; files: Record<string, string> }

/** Files that `nacre attestation collateral fetch` writes; no others are looked at. */
const OURS = /^(intel|amd)-[\w-]+\.(json|pem|crl|der)$/

/** When each file of collateral in a folder expires, those of earlier calls included; what cannot be read is left out. */
export function expiryOfFolder(folder: string): Expiry {
  const names = readdirSync(folder).filter(name => OURS.test(name))
  const files = names.sort().flatMap((name): [string, string][] => {
    try {
      return [[name, iso(expiryOf(name, new Uint8Array(readFileSync(join(folder, name)))))]]
    } catch {
      return []
    }
  })
  return { expires: earliest(files.map(([, time]) => time)), files: Object.fromEntries(files) }
}

/**
 * Seconds since 1970 until which a file of collateral may be used: `nextUpdate` of a list and of what Intel signs, and
 * of certificates the earliest end of validity. Throws for what is none of these.
 */
export function expiryOf(name: string, bytes: Uint8Array): bigint {
  if (name.endsWith('.crl')) return parseCrl(bytes).nextUpdate
  if (name.endsWith('.json')) {
    const [signed] = Object.values(JSON.parse(fromUtf8(bytes))) as { nextUpdate?: unknown }[]
    return timeOf(signed?.nextUpdate, 'nextUpdate')
  }
  const certificates = name.endsWith('.pem') ? parsePem(fromUtf8(bytes)) : [bytes]
  const ends = certificates.map(der => parseX509(der).notAfter)
  return ends.toSorted((a, b) => Number(a - b))[0] as bigint
}

/** Of times in ISO 8601, which sort as texts do. */
export function earliest(times: readonly string[]): string {
  return times.toSorted()[0] ?? ''
}
