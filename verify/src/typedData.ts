import { secp256k1 } from '@noble/curves/secp256k1.js'
import { type AbiField, type AbiType, abiEncode } from './abi.ts'
import { concat, fromHex, type Hex, toHex, utf8 } from './bytes.ts'
import { type CryptoProvider, nobleCrypto, nobleSign, type SignSecp256k1 } from './crypto.ts'
import { HALF_ORDER } from './ecdsa.ts'
import { NacreError } from './errors.ts'
import { keccak256 } from './hash.ts'

/** A struct's fields in the order of its EIP-712 type; each is one word. */
export type TypedFields<T> = readonly (readonly [field: keyof T & string, type: AbiType])[]

const DOMAIN_TYPE_HASH = keccak256(
  utf8('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'),
)
const NAME_HASH = keccak256(utf8('Nacre'))
const VERSION_HASH = keccak256(utf8('1'))

/** Separator of the domain "Nacre", version "1" (EIP-712). @throws NacreError integer-out-of-range, invalid-hex */
export function separatorOf(chainId: bigint, verifyingContract: Hex): Hex {
  return keccak256(
    abiEncode(
      ['bytes32', DOMAIN_TYPE_HASH],
      ['bytes32', NAME_HASH],
      ['bytes32', VERSION_HASH],
      ['uint256', chainId],
      ['address', verifyingContract],
    ),
  )
}

/** A function from a domain's separator and a struct to the struct's digest, the 32 bytes that are signed (EIP-712). */
export function digestOf<T extends { [K in keyof T]: AbiField[1] }>(
  name: string,
  fields: TypedFields<T>,
): (separator: Hex, value: T) => Hex {
  const typeHash = keccak256(utf8(`${name}(${fields.map(([field, type]) => `${type} ${field}`).join(',')})`))
  return (separator, value) => {
    const words = fields.map(([field, type]): AbiField => [type, value[field]])
    const struct = keccak256(abiEncode(['bytes32', typeHash], ...words))
    return keccak256(concat(Uint8Array.of(0x19, 0x01), fromHex(separator), fromHex(struct)))
  }
}

/** Signs a digest: 65 bytes r|s|v, low-s. @throws NacreError invalid-key */
export function signDigest(digest: Hex, privateKey: Uint8Array, sign: SignSecp256k1 = nobleSign): Hex {
  if (!secp256k1.utils.isValidSecretKey(privateKey)) {
    throw new NacreError('invalid-key', 'not a secp256k1 private key')
  }
  const { signature, recovery } = sign(fromHex(digest), privateKey)
  return toHex(Uint8Array.of(...signature, 27 + recovery))
}

/**
 * Address that signed a digest, lower-case. `what` names the signature in errors.
 * @throws NacreError invalid-signature (size, v, high-s, no such point), invalid-hex
 */
export function recoverDigest(
  what: string,
  digest: Hex,
  signature: Hex,
  crypto: Pick<CryptoProvider, 'recoverSecp256k1'> = nobleCrypto,
): Hex {
  const bytes = fromHex(signature)
  const v = bytes[64]
  if (bytes.length !== 65) throw invalid(what, `${bytes.length} bytes, expected 65`)
  if (v !== 27 && v !== 28) throw invalid(what, `v is ${v}, expected 27 or 28`)
  if (BigInt(toHex(bytes.subarray(32, 64))) > HALF_ORDER.secp256k1)
    throw invalid(what, 's is in the upper half of the order')
  try {
    return addressOf(crypto.recoverSecp256k1(fromHex(digest), bytes.subarray(0, 64), v === 27 ? 0 : 1))
  } catch (cause) {
    throw invalid(what, 'no key made it', cause)
  }
}

/** Ethereum address of an uncompressed public key (65 bytes 04|x|y), lower-case. */
export function addressOf(publicKey: Uint8Array): Hex {
  return `0x${keccak256(publicKey.subarray(1)).slice(26)}`
}

function invalid(what: string, reason: string, cause?: unknown): NacreError {
  return new NacreError('invalid-signature', `${what} signature: ${reason}`, { cause })
}
