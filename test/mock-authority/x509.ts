import { concat, fromHex } from '@nacre/verify'
import { signEs256, signEs384With, signingKey, signingKey384 } from '../../verify/test/p256.ts'
import { bitString, der, integer, nameOf, octetString, sequence, TRUE, timeOf } from './der.ts'

/** A key pair that issues certificates or signs documents, made of a text. */
export type Signer = { curve: 'p256' | 'p384'; privateKey: Uint8Array; publicKey: Uint8Array }

export function createSigner(curve: Signer['curve'], seed: string): Signer {
  return { curve, ...(curve === 'p256' ? signingKey(seed) : signingKey384(seed)) }
}

/** A certificate to issue as vendors of TEEs do; times in seconds. Everything can be broken. */
export type X509Fields = {
  serial: number
  issuer: string
  subject: string
  notBefore: bigint
  notAfter: bigint
  authority: boolean
  pathLength?: number
  /** Bits of the first byte of KeyUsage: 0x80 digitalSignature, 0x04 keyCertSign, 0x02 cRLSign; no extension if null. */
  keyUsage: number | null
  /** Whole extensions in DER, see `extension`. */
  extensions?: Uint8Array[]
  /** Changes what is signed, or what was. */
  changeSigned?: (bytes: Uint8Array) => Uint8Array
  changeSignature?: (signature: Uint8Array) => Uint8Array
}

const ALGORITHM = {
  p256: sequence(fromHex('0x06082a8648ce3d040302')),
  p384: sequence(fromHex('0x06082a8648ce3d040303')),
}
const KEY = {
  p256: sequence(fromHex('0x06072a8648ce3d0201'), fromHex('0x06082a8648ce3d030107')),
  p384: sequence(fromHex('0x06072a8648ce3d0201'), fromHex('0x06052b81040022')),
}

/** X.509 v3 in DER, for the holder of a key, signed by another. */
export function issueX509(fields: X509Fields, holder: Signer, issuer: Signer): Uint8Array {
  const { changeSigned = same, changeSignature = same } = fields
  const signed = changeSigned(
    sequence(
      der(0xa0, integer(Uint8Array.of(2))),
      integer(Uint8Array.of(fields.serial)),
      ALGORITHM[issuer.curve],
      nameOf(fields.issuer),
      sequence(timeOf(fields.notBefore), timeOf(fields.notAfter)),
      nameOf(fields.subject),
      sequence(KEY[holder.curve], bitString(holder.publicKey)),
      der(0xa3, sequence(...extensionsOf(fields))),
    ),
  )
  const signature = changeSignature(signRaw(signed, issuer))
  return sequence(signed, ALGORITHM[issuer.curve], bitString(ecdsaDer(signature)))
}

/** A certificate revocation list of version 2. */
export type CrlFields = {
  issuer: string
  thisUpdate: bigint
  nextUpdate: bigint | null
  revoked: number[]
  extensions?: Uint8Array[]
}

export function issueCrl(fields: CrlFields, issuer: Signer): Uint8Array {
  const { thisUpdate, nextUpdate, revoked, extensions } = fields
  const entries = revoked.map(serial => sequence(integer(Uint8Array.of(serial)), timeOf(thisUpdate)))
  const signed = sequence(
    integer(Uint8Array.of(1)),
    ALGORITHM[issuer.curve],
    nameOf(fields.issuer),
    timeOf(thisUpdate),
    ...(nextUpdate === null ? [] : [timeOf(nextUpdate)]),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    ...(extensions ? [der(0xa0, sequence(...extensions))] : []),
  )
  return sequence(signed, ALGORITHM[issuer.curve], bitString(ecdsaDer(signRaw(signed, issuer))))
}

/** An Extension; `id` is the content of its object identifier. */
export function extension(id: `0x${string}`, value: Uint8Array, critical = false): Uint8Array {
  return sequence(der(0x06, fromHex(id)), ...(critical ? [TRUE] : []), octetString(value))
}

/** r|s over the message, by the hash that belongs to the curve. */
export function signRaw(message: Uint8Array, signer: Signer): Uint8Array {
  return signer.curve === 'p256' ? signEs256(message, signer) : signEs384With(message, signer)
}

function ecdsaDer(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2
  return sequence(integer(signature.subarray(0, half)), integer(signature.subarray(half)))
}

function extensionsOf({ authority, pathLength, keyUsage, extensions = [] }: X509Fields): Uint8Array[] {
  const constraints = concat(
    authority ? TRUE : new Uint8Array(0),
    pathLength === undefined ? new Uint8Array(0) : integer(Uint8Array.of(pathLength)),
  )
  const usage = (bits: number) =>
    extension('0x551d0f', bitString(Uint8Array.of(bits), Math.log2(bits & -bits)), true)
  return [
    extension('0x551d13', sequence(constraints), true),
    ...(keyUsage === null ? [] : [usage(keyUsage)]),
    ...extensions,
  ]
}

const same = (bytes: Uint8Array): Uint8Array => bytes
