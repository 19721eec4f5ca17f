import type { EvidenceCrypto } from '../attest/crypto.ts'
import {
  checkCertificates,
  checkDocumentTime,
  checkRoot,
  checkSignature,
  isDebug,
  readDocument,
  type SignedDocument,
} from '../attest/nitro.ts'
import { type Attestation, checkNonce } from '../attest/simulated.ts'
import { type Hex, toHex } from '../bytes.ts'
import { type Checklist, combine, ensure, type Fact, passed } from '../checks.ts'
import type { Measurement } from '../measurement.ts'

type Context = {
  /** SHA-256, hex, of roots in the place of AWS's own. */
  roots: string[] | undefined
  time: bigint
  nonces: Hex[]
  crypto: EvidenceCrypto
}

/**
 * The checks of an AWS Nitro document that a receipt rests on: those of `verifyNitro`, under the names that simulated
 * evidence has too. Certificates must be valid at the document's own time, which the module signs: they live for hours
 * and receipts for longer. How old evidence may be is the policy's to say.
 */
export function checkNitro(
  list: Checklist,
  evidence: Fact<Uint8Array>,
  { roots, time, nonces, crypto }: Context,
): Fact<Attestation> {
  const document = list.check('evidence-format', [evidence], readDocument)
  const chain = list.check('evidence-root', [document], document =>
    checkRoot(document, roots, { time, crypto }),
  )
  const leaf = list.check('evidence-certificates', [document, chain], (document, chain) =>
    checkCertificates(chain, { time: secondsOf(document), crypto }),
  )
  const signed = list.check('evidence-signature', [document, leaf], (document, leaf) =>
    checkSignature(document, leaf, { time, crypto }),
  )
  const made = list.check('evidence-time', [document, leaf], ({ timestamp }, leaf) =>
    checkDocumentTime(timestamp, leaf, time),
  )
  const nonce = list.check('evidence-nonce', [document, signed], ({ nonce }) => {
    ensure(nonce !== null && nonce.length > 0, 'the evidence is over no nonce')
    return checkNonce(toHex(nonce), nonces)
  })
  const measured = list.check('evidence-measurement', [document, signed], checkRegisters)
  return combine([document, measured, nonce, made], ({ userData, nonce }, measurement, _, timestamp) => ({
    kind: 'nitro',
    measurement,
    userData: hexOf(userData),
    nonce: hexOf(nonce),
    timestamp,
    assurance: 'tee',
  }))
}

/** PCR 0, 1 and 2 are the image's; of a debug enclave they are zero. */
function checkRegisters({ pcrs }: SignedDocument): ReturnType<typeof passed<Measurement>> {
  ensure(!isDebug(pcrs), 'PCR 0, 1 or 2 is zero: a debug enclave')
  const registers = [0, 1, 2].map(index => pcrs.get(index) as Uint8Array)
  ensure(
    registers.every(({ length }) => length === 48),
    'PCR 0, 1 and 2 are not of 48 bytes',
  )
  return passed('PCR0, PCR1 and PCR2 measured, not in debug mode', { kind: 'nitro', registers })
}

function secondsOf({ timestamp }: SignedDocument): bigint {
  return BigInt(timestamp) / 1000n
}

/** What is absent is nothing: no identity and no nonce are that. */
function hexOf(bytes: Uint8Array | null): Hex {
  return toHex(bytes ?? new Uint8Array(0))
}
