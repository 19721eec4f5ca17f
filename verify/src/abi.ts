import { fromHex, type Hex } from './bytes.ts'
import { NacreError } from './errors.ts'

/** The ABI types that the protocol encodes: each is one 32-byte word. */
export type AbiType = 'uint8' | 'uint16' | 'uint32' | 'uint64' | 'uint256' | 'address' | 'bytes32'
export type AbiField = readonly [type: AbiType, value: bigint | number | Hex]

/**
 * Solidity's `abi.encode` of static values.
 * @throws NacreError integer-out-of-range, invalid-hex
 */
export function abiEncode(...fields: AbiField[]): Uint8Array {
  const words = new Uint8Array(32 * fields.length)
  fields.forEach(([type, value], i) => {
    words.set(encodeWord(type, value), 32 * i)
  })
  return words
}

function encodeWord(type: AbiType, value: bigint | number | Hex): Uint8Array {
  const word = new Uint8Array(32)
  if (type === 'address') word.set(fromHex(value as Hex, 20), 12)
  else if (type === 'bytes32') word.set(fromHex(value as Hex, 32))
  else writeUint(word, value, Number(type.slice(4)))
  return word
}

function writeUint(word: Uint8Array, value: bigint | number | Hex, bits: number): void {
  const whole = typeof value === 'bigint' || Number.isSafeInteger(value)
  let rest = whole ? BigInt(value) : -1n
  if (rest < 0n || rest >> BigInt(bits) !== 0n) {
    throw new NacreError('integer-out-of-range', `expected a uint${bits}, got ${String(value)}`)
  }
  for (let i = 31; rest > 0n; i--, rest >>= 8n) word[i] = Number(rest & 0xffn)
}
