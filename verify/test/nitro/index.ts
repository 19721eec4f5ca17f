import type { BrokenNitroCase, NitroCase } from './authority.ts'
import { BROKEN_CERTIFICATES, VALID_CERTIFICATES } from './certificates.ts'
import { BROKEN_DOCUMENTS, VALID_DOCUMENTS } from './documents.ts'

export * from './authority.ts'
export { DEBUG_DOCUMENTS as DEBUG_CASES } from './documents.ts'

/**
 * Documents of a Nitro-shaped authority, valid ones and ones that are broken in one place: what verifyNitro and the
 * contract NitroVerifier have to agree on.
 */
export const VALID_CASES: NitroCase[] = [...VALID_DOCUMENTS, ...VALID_CERTIFICATES]
export const BROKEN_CASES: BrokenNitroCase[] = [...BROKEN_DOCUMENTS, ...BROKEN_CERTIFICATES]
