import {
  fromHex,
  manifestHash,
  type Policy,
  type ReceiptBundle,
  type ReleaseManifest,
  releaseId,
  toHex,
} from '@nacre/verify'
import { type BundleOptions, createBundle, manifest, NOW, policy, publisher } from './bundle.ts'
import { createNitroAuthority, type NitroOptions } from './nitro.ts'

export const nitroAuthority = createNitroAuthority('nacre vectors')

/** What the mock's documents measure where they are not told otherwise. */
const PCRS = [0xa0, 0xa1, 0xa2].map(byte => toHex(new Uint8Array(48).fill(byte)))

/** A release of virtual machines, one of them Nitro's. */
export const nitroRelease: ReleaseManifest = {
  ...manifest,
  version: 2,
  measurements: [
    { kind: 'nitro', registers: PCRS },
    { kind: 'snp', registers: [toHex(new Uint8Array(48).fill(0x31))] },
  ],
}

/** A policy that accepts `createNitroBundle()` at NOW: of real TEEs, with the mock's root in the place of AWS's. */
export const nitroPolicy: Policy = {
  ...policy,
  assurance: ['tee'],
  releases: [releaseId(publisher, manifestHash(nitroRelease))],
  developmentRoots: [],
  nitroRoots: [`0x${nitroAuthority.pin}`],
}

/** A bundle whose evidence is a document of the mock's Nitro. */
export function createNitroBundle(
  options: BundleOptions & { nitro?: Partial<NitroOptions> } = {},
): ReceiptBundle {
  return createBundle({
    manifest: nitroRelease,
    attest: ({ userData, nonce }) => ({
      kind: 'nitro',
      bytes: toHex(
        nitroAuthority.issue({
          time: NOW - 60n,
          userData: fromHex(userData),
          nonce: fromHex(nonce),
          ...options.nitro,
        }),
      ),
    }),
    ...options,
  })
}
