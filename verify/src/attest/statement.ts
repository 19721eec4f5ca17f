import { abiEncode } from '../abi.ts'
import { equalBytes, type Hex, toHex } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import { CASE_KIND, type CaseTee } from './evidenceCase.ts'

/**
 * What a verifier enclave says of evidence that is valid and wanted (docs/protocol.md, Statement): the output that its
 * receipt signs, and what `VerifierEnclave` reads.
 */
export type Statement = {
  version: 1
  kind: (typeof CASE_KIND)[CaseTee]
  /** keccak-256 of the evidence. It names the bytes, and is no replay key: signatures have twins. */
  evidenceHash: Hex
  /** Digest of the registers that a release lists: `evidenceMeasurement`. */
  measurement: Hex
  userData: Hex
  nonce: Hex
  /** Seconds since 1970, as of which it was judged. */
  time: bigint
}

export const STATEMENT_SIZE = 224

/** @throws NacreError integer-out-of-range, invalid-hex */
export function encodeStatement(statement: Statement): Uint8Array {
  return abiEncode(
    ['uint16', statement.version],
    ['uint8', statement.kind],
    ['bytes32', statement.evidenceHash],
    ['bytes32', statement.measurement],
    ['bytes32', statement.userData],
    ['bytes32', statement.nonce],
    ['uint64', statement.time],
  )
}

/** @throws NacreError invalid-statement, unsupported-version */
export function decodeStatement(bytes: Uint8Array): Statement {
  if (bytes.length !== STATEMENT_SIZE) throw invalid(`${bytes.length} bytes, not ${STATEMENT_SIZE}`)
  const word = (i: number): Hex => toHex(bytes.subarray(32 * i, 32 * (i + 1)))
  const [version, kind, time] = [BigInt(word(0)), BigInt(word(1)), BigInt(word(6))]
  if (version !== 1n) throw new NacreError('unsupported-version', `statement version ${version}, known: 1`)
  const known = Object.values(CASE_KIND).find(number => BigInt(number) === kind)
  if (known === undefined) throw invalid(`kind ${kind} is not known`)
  if (time >> 64n !== 0n) throw invalid('its time exceeds 64 bits')
  const [evidenceHash, measurement, userData, nonce] = [word(2), word(3), word(4), word(5)]
  const statement = { version: 1, kind: known, evidenceHash, measurement, userData, nonce, time } as const
  if (equalBytes(encodeStatement(statement), bytes)) return statement
  throw invalid('its bytes are not canonical')
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-statement', `not a statement: ${reason}`)
}
