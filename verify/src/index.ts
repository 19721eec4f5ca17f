export * from './abi.ts'
export { type Attested, TEES, type Tee } from './attest/attested.ts'
export * from './attest/cbor.ts'
export {
  isNotValid,
  NOT_VALID,
  NOT_WANTED,
  type RefusalCode,
  type VerdictCode,
} from './attest/codes.ts'
export type { CollateralFiles } from './attest/collateral.ts'
export * from './attest/cose.ts'
export { defaultEvidenceCrypto, type EvidenceCrypto } from './attest/crypto.ts'
export * from './attest/document.ts'
export { verifyDstack } from './attest/dstack.ts'
export * from './attest/evidenceCase.ts'
export { evidenceMeasurement } from './attest/evidenceMeasurement.ts'
export * from './attest/evidencePolicy.ts'
export { type Judgement, judgeCase } from './attest/judge.ts'
export { verifyNitro } from './attest/nitro.ts'
export { verifyNvidia } from './attest/nvidia.ts'
export * from './attest/policyArtifact.ts'
export type { RsaKey } from './attest/rsa.ts'
export { verifySgx } from './attest/sgx.ts'
export {
  type Attestation,
  CLOCK_SKEW,
  MAX_EVIDENCE,
  ROOT_NAME,
  type SimulatedOptions,
  type SimulatedVerdict,
  verifySimulated,
} from './attest/simulated.ts'
export { verifySimulatedEvidence } from './attest/simulatedEvidence.ts'
export { verifySnp } from './attest/snp.ts'
export { SNP_TABLE, splitSnpEvidence } from './attest/snpEvidence.ts'
export * from './attest/statement.ts'
export { verifyTdx } from './attest/tdx.ts'
export type { Verdict } from './attest/verdict.ts'
export { type VerifyEvidence, verifierOf } from './attest/verifyEvidence.ts'
export { type Certificate, MAX_CERTIFICATE, parseCertificate } from './attest/x509.ts'
export * from './batch.ts'
export * from './bundle.ts'
export * from './bytes.ts'
export type { Check } from './checks.ts'
export type { ChainFacts, Expectations, VerifyContext } from './context.ts'
export * from './cpio.ts'
export * from './crypto.ts'
export { crc32 } from './eif/crc32.ts'
export type { ImageHashes } from './eif/hashes.ts'
export { MAX_EIF } from './eif/sections.ts'
export type { EifSignature } from './eif/signature.ts'
export { type EifSignatureOptions, signedPayload, verifyEifSignature } from './eif/verifySignature.ts'
export * from './eif.ts'
export * from './errors.ts'
export * from './evidence.ts'
export * from './hash.ts'
export * from './identity.ts'
export {
  ASSURANCE,
  type Assurance,
  type Measurement,
  measurementDigest,
  sameMeasurement,
  TEE_KIND,
  type TeeKind,
} from './measurement.ts'
export * from './merkle.ts'
export * from './parameters.ts'
export * from './pipeline.ts'
export * from './policy.ts'
export * from './receipt.ts'
export * from './release.ts'
export * from './request.ts'
export * from './tensor.ts'
export { addressOf, type TypedFields } from './typedData.ts'
export * from './usage.ts'
export * from './verify.ts'
export * from './voucher.ts'
export * from './zkStatement.ts'
