export { type Authority, type AuthorityOptions, createAuthority, type EvidenceOptions } from './authority.ts'
export * from './bundle.ts'
export { type CertificateFields, issueCertificate } from './certificate.ts'
