import {
  createNitroAuthority,
  createSigner,
  type NitroAuthority,
  type NitroOptions,
  type Signer,
} from '../../../test/mock-authority/index.ts'
import { concat, type VerdictCode } from '../../src/index.ts'

/** A document of `authority`, made of TIME. */
export type NitroCase = [name: string, options: Partial<NitroOptions>]
export type BrokenNitroCase = [...NitroCase, code: VerdictCode]

export const TIME = 1_790_000_000n
const SEED = 'nitro mock'
export const authority: NitroAuthority = createNitroAuthority(SEED)
export const stranger: Signer = createSigner('p384', 'a stranger')
/** The keys of the authority's own. */
export const rootSigner: Signer = createSigner('p384', `${SEED} root`)
export const instanceSigner: Signer = createSigner('p384', `${SEED} instance`)

export const pcr = (fill: number): Uint8Array => new Uint8Array(48).fill(fill)
export const cut = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, -1)
export const longer = (bytes: Uint8Array): Uint8Array => concat(bytes, Uint8Array.of(0))

/** Bytes with some of them replaced by others, where they occur first. */
export function replaced(bytes: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  const at = bytes.findIndex((_, i) => from.every((byte, j) => bytes[i + j] === byte))
  if (at < 0) throw new Error('the bytes to replace are not there')
  return concat(bytes.subarray(0, at), to, bytes.subarray(at + from.length))
}
