import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { encodeCbor } from '@nacre/verify'
import { encodeSign1, sign1Message } from '@nacre/verify/attest/cose'
import { documentToCbor, PCR_COUNT } from '@nacre/verify/attest/document'
import { ROOT_NAME } from '@nacre/verify/attest/simulated'
import { issueCertificate, signP256 } from './certificate.ts'
import { type SimulatedRoot, serialNumber } from './root.ts'

/** A software security module: what AWS's NSM is to a Nitro enclave, with a key that anyone can make. */
export type SoftwareModule = {
  moduleId: string
  pcrs: Uint8Array[]
  /** A COSE_Sign1 document (docs/protocol.md, Evidence). `userData` 32 bytes, `nonce` 1 to 64. */
  attest(userData: Uint8Array, nonce: Uint8Array): Uint8Array
}

export type ModuleOptions = {
  root: SimulatedRoot
  /** PCR 0 to 2, 48 bytes each; the others are zero. */
  pcrs: Uint8Array[]
  /** Begins with `simulated-`. */
  moduleId: string
  /** Milliseconds since 1970; the system's clock by default. */
  clock?: () => number
}

type Leaf = { key: KeyObject; certificate: Uint8Array; notAfter: number }

const LEAF_LIFETIME_MS = 3 * 3_600_000
const RENEW_BEFORE_MS = 15 * 60_000
/** A verifier's clock may be behind: as far as the registry lets evidence be ahead. Nitro's leaves begin 3 s before. */
const BACKDATED_MS = 60_000
const REGISTER_SIZE = 48

export function createModule({ root, pcrs, moduleId, clock = Date.now }: ModuleOptions): SoftwareModule {
  const registers = Array.from({ length: PCR_COUNT }, (_, i) => pcrs[i] ?? new Uint8Array(REGISTER_SIZE))
  let leaf: Leaf | undefined
  return {
    moduleId,
    pcrs: registers,
    attest(userData, nonce) {
      const timestamp = clock()
      if (!leaf || timestamp > leaf.notAfter - RENEW_BEFORE_MS) leaf = issueLeaf(root, moduleId, timestamp)
      const payload = encodeCbor(
        documentToCbor({
          moduleId,
          timestamp,
          pcrs: registers,
          certificate: leaf.certificate,
          cabundle: [root.certificate],
          userData,
          nonce,
        }),
      )
      return encodeSign1({ payload, signature: signP256(sign1Message(payload), leaf.key) })
    },
  }
}

/** A leaf that begins before `now` and ends three hours after it; whole seconds, as certificates have. */
function issueLeaf(root: SimulatedRoot, moduleId: string, now: number): Leaf {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const notAfter = now + LEAF_LIFETIME_MS
  const certificate = issueCertificate(
    {
      serial: serialNumber(),
      issuer: ROOT_NAME,
      subject: moduleId,
      notBefore: new Date(now - BACKDATED_MS),
      notAfter: new Date(notAfter),
      publicKey,
      ca: false,
    },
    root.key,
  )
  return { key: privateKey, certificate, notAfter }
}
