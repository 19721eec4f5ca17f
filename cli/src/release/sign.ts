import { createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto'
import {
  ES384,
  encodeCbor,
  encodeSign1,
  measureEif,
  parseEif,
  sign1Message,
  signedPayload,
  verifyEifSignature,
} from '@nacre/verify'
import { readBounded } from '../attestation/files.ts'
import { CliError } from '../errors.ts'
import { nodeCrypto, nodeHashes } from '../nodeCrypto.ts'
import { badFile } from './folder.ts'

export type EifSigner = { key: KeyObject; pem: string }

const MAX_FILE = 16_384
/** Where the header has the number of sections, their offsets and sizes, and the CRC-32 of everything else. */
const [COUNT, OFFSETS, SIZES, CHECKSUM, HEADER] = [26, 28, 284, 544, 548]
const SIGNATURE = 4

/** A key on P-384 and its certificate, both in PEM; undefined when neither is named. @throws CliError usage, bad-file */
export function loadSigner(
  keyFile: string | undefined,
  certificateFile: string | undefined,
): EifSigner | undefined {
  if (keyFile === undefined && certificateFile === undefined) return undefined
  if (keyFile === undefined || certificateFile === undefined)
    throw new CliError('usage', {
      what: 'only one of --signing-key and --signing-certificate is given',
      why: 'the image holds the certificate, and its key signs',
      fix: 'pass both, or neither for an image that is not signed',
    })
  try {
    const key = createPrivateKey(Buffer.from(readBounded(keyFile, MAX_FILE)))
    if (key.asymmetricKeyDetails?.namedCurve !== 'secp384r1') throw new Error('the key is not on P-384')
    const certificate = new X509Certificate(readBounded(certificateFile, MAX_FILE))
    if (!certificate.checkPrivateKey(key)) throw new Error('the certificate is of another key')
    return { key, pem: certificate.toString() }
  } catch (error) {
    const fix = 'openssl ecparam -name secp384r1 -genkey, and openssl req -x509 -sha384, make both'
    throw badFile(`${keyFile} and ${certificateFile} sign nothing`, error, fix)
  }
}

/**
 * The image with a signature of its PCR 0 as its last section. Of an image that is signed already, or not valid, nothing
 * is changed. Signatures are random: two signed images of one build differ in theirs.
 * @throws CliError bad-file
 */
export function signEif(bytes: Uint8Array, { key, pem }: EifSigner): Uint8Array {
  const eif = parseEif(bytes, { hashes: nodeHashes })
  if (eif.signature) throw badFile('the image is not signed again', 'it has a signature', 'build it again')
  const payload = signedPayload(measureEif(eif, { hashes: nodeHashes }).pcr0)
  const message = sign1Message(payload, ES384)
  const signature = new Uint8Array(sign('sha384', message, { key, dsaEncoding: 'ieee-p1363' }))
  const document = encodeSign1({ payload, signature }, ES384)
  const section = encodeCbor([
    new Map([
      ['signing_certificate', [...Buffer.from(pem)]],
      ['signature', [...document]],
    ]),
  ])
  const signed = append(bytes, section)
  verifyEifSignature(parseEif(signed, { hashes: nodeHashes }), { crypto: nodeCrypto, hashes: nodeHashes })
  return signed
}

function append(bytes: Uint8Array, data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(12)
  head.writeUInt16BE(SIGNATURE)
  head.writeBigUInt64BE(BigInt(data.length), 4)
  const signed = Buffer.concat([bytes, head, data])
  const count = signed.readUInt16BE(COUNT)
  signed.writeUInt16BE(count + 1, COUNT)
  signed.writeBigUInt64BE(BigInt(bytes.length), OFFSETS + 8 * count)
  signed.writeBigUInt64BE(BigInt(data.length), SIZES + 8 * count)
  const { crc32 } = nodeHashes
  signed.writeUInt32BE(crc32(signed.subarray(HEADER), crc32(signed.subarray(0, CHECKSUM), 0)), CHECKSUM)
  return signed
}
