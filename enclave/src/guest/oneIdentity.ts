import type { ModuleCall } from './moduleServer.ts'

const USER_DATA_SIZE = 32
const MAX_NONCE = 64
/** CBOR of `{"Attestation": {"user_data": <32 bytes>, "nonce": <1 to 64>, "public_key": null}}` around those bytes. */
const BEFORE = Buffer.from('\xa1\x6bAttestation\xa3\x69user_data\x58\x20', 'latin1')
const BETWEEN = Buffer.from('\x65nonce', 'latin1')
const AFTER = Buffer.from('\x6apublic_key\xf6', 'latin1')

/**
 * A security module for one identity: it makes evidence over the user data that it is asked about first, and no other;
 * and does nothing else. The program asks before any model is loaded. What a hostile model makes of the engine's process,
 * which is of the program's user, can have no key of its own attested then.
 */
export function forOneIdentity(call: ModuleCall): ModuleCall {
  let identity: string | undefined
  return request => {
    const asked = userDataOf(request)
    identity ??= asked
    if (asked !== identity) throw new Error('evidence of another identity than the first')
    return call(request)
  }
}

/**
 * Of a request for a document, in the one form in which the program makes them: whoever reads CBOR otherwise reads the
 * same of it. @throws Error for any other
 */
function userDataOf(request: Uint8Array): string {
  const userData = request.subarray(BEFORE.length, BEFORE.length + USER_DATA_SIZE)
  const size = request.length - BEFORE.length - USER_DATA_SIZE - BETWEEN.length - AFTER.length
  const header = size <= 24 ? 1 : 2
  const nonce = size - header
  const expected = [
    BEFORE,
    userData,
    BETWEEN,
    // A byte string of 1 to 64 bytes, whatever is in it (RFC 8949, 3.1 and 4.2.1: up to 23 the length is in one byte).
    header === 1 ? Buffer.of(0x40 + nonce) : Buffer.of(0x58, nonce),
    request.subarray(request.length - AFTER.length - nonce, request.length - AFTER.length),
    AFTER,
  ]
  if (nonce < 1 || nonce > MAX_NONCE || size === 25 || !Buffer.concat(expected).equals(request))
    throw new Error('no request for evidence as the program makes them')
  return Buffer.from(userData).toString('hex')
}
