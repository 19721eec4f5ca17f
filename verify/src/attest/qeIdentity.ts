import { integerOf, oneOf, type Parser, parseJson, versionOf } from '../shape.ts'
import { demand } from './codes.ts'
import { type EnclaveReport, isDebugEnclave } from './enclaveReport.ts'
import { type Level, levelOf, levelsOf, plainHexOf, signedObjectOf, timeOf } from './intelJson.ts'

/** What Intel says of its quoting enclave (PCS API 4, "Get Quoting Enclave Identity", version 2). */
export type QeIdentity = {
  id: 'QE' | 'TD_QE'
  /** Seconds since 1970. */
  issueDate: bigint
  nextUpdate: bigint
  miscselect: Uint8Array
  miscselectMask: Uint8Array
  attributes: Uint8Array
  attributesMask: Uint8Array
  mrsigner: Uint8Array
  isvprodid: number
  tcbEvaluationDataNumber: number
  tcbLevels: Level[]
}

const MAX_QE_IDENTITY = 65_536

const shape: Parser<QeIdentity> = signedObjectOf({
  id: oneOf('QE', 'TD_QE'),
  version: versionOf(2),
  issueDate: timeOf,
  nextUpdate: timeOf,
  tcbEvaluationDataNumber: integerOf(0, 2 ** 31),
  miscselect: plainHexOf(4),
  miscselectMask: plainHexOf(4),
  attributes: plainHexOf(16),
  attributesMask: plainHexOf(16),
  mrsigner: plainHexOf(32),
  isvprodid: integerOf(0, 65_535),
  tcbLevels: levelsOf,
})

/**
 * Parses the signed text of a QE identity; its signature is not checked.
 * @throws NacreError too-large, invalid-json, unsupported-version, missing-field, wrong-type
 */
export function parseQeIdentity(json: string): QeIdentity {
  return shape(parseJson(json, MAX_QE_IDENTITY, 'QE identity'), 'enclaveIdentity')
}

/** Whether a quoting enclave is the one that Intel describes, and what Intel says of its version. */
export function checkQuotingEnclave(report: EnclaveReport, identity: QeIdentity): Level {
  const misc = isMasked(report.miscSelect, identity.miscselectMask, identity.miscselect)
  const attributes = isMasked(report.attributes, identity.attributesMask, identity.attributes)
  const signer = isMasked(report.mrSigner, ALL, identity.mrsigner)
  demand(signer, 'wrong-identity', "the quoting enclave is not signed by Intel's key (MRSIGNER)")
  demand(
    report.isvProdId === identity.isvprodid,
    'wrong-identity',
    `ISVPRODID is ${report.isvProdId}, not ${identity.isvprodid}`,
  )
  demand(misc, 'wrong-identity', 'MISCSELECT of the quoting enclave is not as Intel says')
  demand(attributes, 'wrong-identity', 'ATTRIBUTES of the quoting enclave are not as Intel says')
  // Intel's mask covers it; a quoting enclave in debug mode signs whatever its host wants.
  demand(!isDebugEnclave(report), 'wrong-identity', 'the quoting enclave is in debug mode')
  const level = levelOf(identity.tcbLevels, report.isvSvn)
  demand(
    level !== undefined,
    'unknown-tcb',
    `Intel says nothing of a quoting enclave of version ${report.isvSvn}`,
  )
  return level
}

const ALL = new Uint8Array(32).fill(0xff)

export function isMasked(found: Uint8Array, mask: Uint8Array, expected: Uint8Array): boolean {
  return (
    found.length === expected.length &&
    found.every((byte, i) => (byte & (mask[i] as number)) === (expected[i] as number))
  )
}
