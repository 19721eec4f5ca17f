import { fromHex } from '@nacre/verify'
import type { EvidenceCrypto } from '@nacre/verify/attest/crypto'

type Group = { point?: string; modulus?: string; exponent?: number; tests: (string | number)[][] }
export type Wycheproof = { source: string; numberOfTests: number; groups: Group[] }

type Verify = (message: Uint8Array, signature: Uint8Array) => boolean

/** Ids of the cases for which a provider does not say what it should. */
export function wrongCases(file: Wycheproof, verifierOf: (group: Group) => Verify): number[] {
  return file.groups.flatMap(group => {
    const verify = verifierOf(group)
    return group.tests
      .filter(([, message, signature, result]) => {
        const found = verify(fromHex(`0x${message}`), fromHex(`0x${signature}`))
        return found !== (result === 'valid')
      })
      .map(([id]) => id as number)
  })
}

export const VERIFIERS = {
  p256:
    (crypto: EvidenceCrypto) =>
    ({ point }: Group): Verify => {
      const key = fromHex(`0x${point}`)
      return (message, signature) => crypto.verifyEs256(message, signature, key)
    },
  p384:
    (crypto: EvidenceCrypto) =>
    ({ point }: Group): Verify => {
      const key = fromHex(`0x${point}`)
      return (message, signature) => crypto.verifyEs384(message, signature, key)
    },
  ps384:
    (crypto: EvidenceCrypto) =>
    ({ modulus = '', exponent = 0 }: Group): Verify => {
      const key = { modulus: fromHex(`0x${modulus.replace(/^00/, '')}`), exponent }
      return (message, signature) => crypto.verifyPs384(message, signature, key)
    },
}
