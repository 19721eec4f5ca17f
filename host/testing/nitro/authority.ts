import { createNitroAuthority, type NitroAuthority } from '../../../test/mock-authority/index.ts'

/** Signs for the security modules of the stand-in machine's enclaves. */
export const AUTHORITY: NitroAuthority = createNitroAuthority('nacre nitro driver')
