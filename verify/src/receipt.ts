import { secp256k1 } from '@noble/curves/secp256k1.js'
import { type AbiField, type AbiType, abiEncode } from './abi.ts'
import { concat, fromHex, type Hex, toHex, utf8 } from './bytes.ts'
import { type CryptoProvider, nobleCrypto, nobleSign, type SignSecp256k1 } from './crypto.ts'
import { HALF_ORDER } from './ecdsa.ts'
import { NacreError } from './errors.ts'
import { keccak256 } from './hash.ts'

/** Facts that an enclave signs about one answer (docs/protocol.md, Receipt; contracts: `Receipt`). */
export type Receipt = {
  version: number
  requestId: Hex
  releaseId: Hex
  configHash: Hex
  artifact: Hex
  inputHash: Hex
  outputHash: Hex
  parametersHash: Hex
  usageHash: Hex
  status: number
  sequence: bigint
  anchorNumber: bigint
  anchorHash: Hex
  parentsRoot: Hex
  extensionsRoot: Hex
}

/** Chain and enclave registry that a receipt is for. */
export type Domain = { chainId: bigint; registry: Hex }

export const STATUS = { ok: 0, badInput: 1, limitExceeded: 2, engineFailed: 3 } as const

/** Fields and types in the order of the EIP-712 type. */
export const RECEIPT_FIELDS: readonly (readonly [field: keyof Receipt, type: AbiType])[] = [
  ['version', 'uint16'],
  ['requestId', 'bytes32'],
  ['releaseId', 'bytes32'],
  ['configHash', 'bytes32'],
  ['artifact', 'bytes32'],
  ['inputHash', 'bytes32'],
  ['outputHash', 'bytes32'],
  ['parametersHash', 'bytes32'],
  ['usageHash', 'bytes32'],
  ['status', 'uint8'],
  ['sequence', 'uint64'],
  ['anchorNumber', 'uint64'],
  ['anchorHash', 'bytes32'],
  ['parentsRoot', 'bytes32'],
  ['extensionsRoot', 'bytes32'],
]

const RECEIPT_TYPE = `Receipt(${RECEIPT_FIELDS.map(([field, type]) => `${type} ${field}`).join(',')})`
const RECEIPT_TYPE_HASH = keccak256(utf8(RECEIPT_TYPE))
const DOMAIN_TYPE_HASH = keccak256(
  utf8('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'),
)
const NAME_HASH = keccak256(utf8('Nacre'))
const VERSION_HASH = keccak256(utf8('1'))

/** EIP-712 domain separator. @throws NacreError integer-out-of-range, invalid-hex */
export function domainSeparator(domain: Domain): Hex {
  return keccak256(
    abiEncode(
      ['bytes32', DOMAIN_TYPE_HASH],
      ['bytes32', NAME_HASH],
      ['bytes32', VERSION_HASH],
      ['uint256', domain.chainId],
      ['address', domain.registry],
    ),
  )
}

/** The receipt's id: its EIP-712 digest. @throws NacreError integer-out-of-range, invalid-hex */
export function receiptId(domain: Domain, receipt: Receipt): Hex {
  const fields = RECEIPT_FIELDS.map(([field, type]): AbiField => [type, receipt[field]])
  const struct = keccak256(abiEncode(['bytes32', RECEIPT_TYPE_HASH], ...fields))
  return keccak256(concat(Uint8Array.of(0x19, 0x01), fromHex(domainSeparator(domain)), fromHex(struct)))
}

/**
 * Signs: 65 bytes r|s|v, low-s. `sign` may replace noble by a faster library, or one in constant time.
 * @throws NacreError invalid-key, integer-out-of-range, invalid-hex
 */
export function signReceipt(
  domain: Domain,
  receipt: Receipt,
  privateKey: Uint8Array,
  sign: SignSecp256k1 = nobleSign,
): Hex {
  if (!secp256k1.utils.isValidSecretKey(privateKey)) {
    throw new NacreError('invalid-key', 'not a secp256k1 private key')
  }
  const digest = fromHex(receiptId(domain, receipt))
  const { signature, recovery } = sign(digest, privateKey)
  return toHex(Uint8Array.of(...signature, 27 + recovery))
}

/**
 * Address that signed, lower-case.
 * @throws NacreError invalid-signature (size, v, high-s, no such point), integer-out-of-range, invalid-hex
 */
export function recoverSigner(
  domain: Domain,
  receipt: Receipt,
  signature: Hex,
  crypto: Pick<CryptoProvider, 'recoverSecp256k1'> = nobleCrypto,
): Hex {
  const digest = fromHex(receiptId(domain, receipt))
  const bytes = fromHex(signature)
  const v = bytes[64]
  if (bytes.length !== 65) throw invalid(`${bytes.length} bytes, expected 65`)
  if (v !== 27 && v !== 28) throw invalid(`v is ${v}, expected 27 or 28`)
  if (BigInt(toHex(bytes.subarray(32, 64))) > HALF_ORDER.secp256k1)
    throw invalid('s is in the upper half of the order')
  try {
    return addressOf(crypto.recoverSecp256k1(digest, bytes.subarray(0, 64), v === 27 ? 0 : 1))
  } catch (cause) {
    throw new NacreError('invalid-signature', 'receipt signature: no key made it', { cause })
  }
}

/** Ethereum address of an uncompressed public key (65 bytes 04|x|y), lower-case. */
export function addressOf(publicKey: Uint8Array): Hex {
  return `0x${keccak256(publicKey.subarray(1)).slice(26)}`
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-signature', `receipt signature: ${reason}`)
}
