export { type Authority, type AuthorityOptions, createAuthority, type EvidenceOptions } from './authority.ts'
export * from './bundle.ts'
export { type CertificateFields, issueCertificate } from './certificate.ts'
export * from './cpio.ts'
export {
  bundleOf,
  createDcapAuthority,
  type DcapAuthority,
  type DcapIssue,
  type DcapOptions,
  type MockPlatform,
  pemOf,
} from './dcap.ts'
export * from './dstack.ts'
export * from './eif.ts'
export { createNitroAuthority, encodeIndefinite, type NitroAuthority, type NitroOptions } from './nitro.ts'
export * from './nitroBundle.ts'
export * from './nvidia.ts'
export * from './snp.ts'
export * from './x509.ts'
