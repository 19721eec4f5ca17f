import { equalBytes, toHex } from '../bytes.ts'
import { type Checklist, combine, type Fact, passed } from '../checks.ts'
import type { Attested } from './attested.ts'
import { iso, type X509 } from './certificate.ts'
import { type CertificatePath, checkPath, piecesOf } from './certificatePath.ts'
import { demand, refusing } from './codes.ts'
import type { CollateralFiles } from './collateral.ts'
import type { EvidenceCrypto } from './crypto.ts'
import { DEFAULT_EVIDENCE_POLICY, type EvidencePolicy } from './evidencePolicy.ts'
import { findSnpPath, signs } from './snpCollateral.ts'
import { decodeTcb, lineOfCpuid, lineOfName, type ProductLine, type SnpTcb } from './snpProduct.ts'
import { isZero, parseSnpReport, type SnpReport } from './snpReport.ts'
import { readVek, type Vek } from './vek.ts'
import { createContext, createVerdict, type EvidenceContext, type Verdict } from './verdict.ts'
import { readCommonName } from './x509.ts'

/**
 * SHA-256 of the public keys (SubjectPublicKeyInfo in DER) of AMD's root keys, ARK-Milan, ARK-Genoa and ARK-Turin.
 * Keys are pinned and not certificates or names: anyone can make an "ARK-Milan", and AMD may renew a certificate.
 * AMD publishes the certificates at https://kdsintf.amd.com/vcek/v1/Milan/cert_chain (Genoa, Turin), go-sev-guest has
 * the same in verify/trust; `openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | sha256sum` gives these.
 */
export const AMD_ROOT_KEYS: readonly string[] = [
  '9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9',
  '429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831',
  '4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08',
]

/**
 * Verifies an attestation report of AMD SEV-SNP, versions 2 to 5 (AMD, SEV-SNP Firmware ABI Specification, 56860):
 * the endorsement key's certificates up to AMD's root key as of `time`, in seconds since 1970; that the key is of the
 * report's processor and TCB; the signature; and what the policy wants. Collateral: the certificates, in DER or PEM
 * or as a host's certificate table, and AMD's revocation lists if there are any.
 *
 * Nobody signs when a report was made: send a nonce, and expect it as report data.
 *
 * Never throws for bad evidence.
 * @throws NacreError as createContext, for a time or policy that is malformed
 */
export function verifySnp(
  evidence: Uint8Array,
  collateral: CollateralFiles,
  time: bigint,
  policy: EvidencePolicy = DEFAULT_EVIDENCE_POLICY,
  provider: Partial<EvidenceCrypto> = {},
): Verdict {
  const context = createContext(time, policy, provider)
  return createVerdict('snp', context, list => authenticate(list, evidence, collateral, context))
}

function authenticate(
  list: Checklist,
  evidence: Uint8Array,
  collateral: CollateralFiles,
  context: EvidenceContext,
): Fact<Attested> {
  const report = list.check('format', [], () => {
    const found = parseSnpReport(evidence)
    return passed(
      `SEV-SNP, version ${found.version}, for VMPL ${found.vmpl}, ${toldPolicy(found.policy)}`,
      found,
    )
  })
  const path = list.check('certificates', [report], report => {
    const path = findSnpPath(report, collateral, context)
    Object.assign(context.used, piecesOf(path))
    const leaf = checkPath(path, { keys: context.policy.roots ?? AMD_ROOT_KEYS }, context)
    const lists = path.crls.length > 0 ? 'none revoked' : 'revocation not checked, no list was given'
    return passed(
      `${path.chain.length} certificates, the last valid until ${iso(leaf.notAfter)}; ${lists}`,
      path,
    )
  })
  const vek = list.check('endorsement-key', [report, path], checkKind)
  const line = list.check('product', [report, path, vek], checkProduct)
  const chip = list.check('chip', [report, vek], checkChip)
  const tcb = list.check('tcb', [report, vek, line], checkTcb)
  const signed = list.check('signature', [report, path], (report, { chain }) => {
    const valid = signs(report, chain.at(-1) as X509, context.crypto)
    demand(valid, 'bad-signature', 'the endorsement key did not sign this report')
    return passed('signed by the endorsement key')
  })
  return combine([report, line, chip, tcb, signed], (report, line, platform, tcb) =>
    attestedBy(report, { product: line, ...platform }, tcb),
  )
}

/** The report says which kind of key signed it; the certificate has to be of one. */
function checkKind({ signingKey }: SnpReport, { chain }: CertificatePath): Passed<Vek> {
  const vek = refusing('wrong-binding', () => readVek(chain.at(-1) as X509))
  const told = `the report is signed by a ${signingKey.toUpperCase()}, the certificate is of a ${vek.kind.toUpperCase()}`
  demand(vek.kind === signingKey, 'wrong-binding', told)
  return passed(vek.cspId ? `VLEK of ${vek.cspId}` : 'VCEK', vek)
}

/** One product line in the names of all certificates, in the endorsement key's extension and in the report's CPUID. */
function checkProduct({ cpuid }: SnpReport, { chain }: CertificatePath, vek: Vek): Passed<ProductLine> {
  const [root, signer] = chain.slice(0, 2).map(({ subject }) => readCommonName(subject))
  const line = lineOfName(vek.productName)
  demand(line !== undefined, 'unsupported', `product ${vek.productName} is not known`)
  demand(
    chain.length === 3,
    'broken-chain',
    `${chain.length} certificates: AMD has a root, a signer and the key`,
  )
  demand(root === `ARK-${line}`, 'wrong-binding', `a key of ${vek.productName}, under ${root}`)
  const wanted = vek.kind === 'vlek' ? `SEV-VLEK-${line}` : `SEV-${line}`
  demand(
    signer === wanted,
    'wrong-binding',
    `a ${vek.kind.toUpperCase()} of ${line} signed by ${signer}, not ${wanted}`,
  )
  if (!cpuid) return passed(`${line}, by the certificates; the report does not say`, line)
  const told = `family 0x${cpuid.family.toString(16)}, model 0x${cpuid.model.toString(16)}`
  const ofReport = lineOfCpuid(cpuid)
  demand(ofReport !== undefined, 'unsupported', `a processor of ${told} is not known`)
  demand(ofReport === line, 'wrong-binding', `a report of ${ofReport} (${told}), the key is of ${line}`)
  return passed(`${line}, ${told}`, line)
}

/** A VCEK is of one chip, whose id it tells even where the host masks it in the report; a VLEK is of a cloud. */
function checkChip({ chipId }: SnpReport, { chipId: certified, cspId }: Vek): Passed<Record<string, string>> {
  if (certified === undefined) {
    const told = isZero(chipId) ? {} : { chipId: hex(chipId) }
    return passed('a VLEK is of no particular chip', { cspId: cspId as string, ...told })
  }
  const masked = isZero(chipId)
  const same = masked || equalBytes(chipId, certified)
  demand(same, 'wrong-binding', `chip ${hex(chipId)}, the certificate is of ${hex(certified)}`)
  const told = masked ? 'the chip of the certificate: the report masks its id' : 'the chip of the certificate'
  return passed(told, { chipId: hex(certified) })
}

/**
 * The key is of exactly the reported TCB; firmware never reports, or commits to, more than it runs. The result is by
 * component the least of what is reported, what the host can go back to, and what the guest was launched under.
 */
function checkTcb({ tcb }: SnpReport, vek: Vek, line: ProductLine): Passed<SnpTcb> {
  const certified = refusing('wrong-binding', () => vek.tcb(line))
  const same = equalBytes(certified, tcb.reported)
  demand(same, 'wrong-binding', `reported TCB ${hex(tcb.reported)}, the certificate is of ${hex(certified)}`)
  for (const name of ['reported', 'committed'] as const) {
    const below = tcb[name].every((version, i) => version <= (tcb.current[i] as number))
    demand(
      below,
      'wrong-binding',
      `the ${name} TCB ${hex(tcb[name])} is above the current, ${hex(tcb.current)}`,
    )
  }
  const least = tcb.reported.map((version, i) =>
    Math.min(version, tcb.committed[i] as number, tcb.launch[i] as number),
  )
  return passed(`reported ${told(decodeTcb(tcb.reported, line))}`, decodeTcb(least, line))
}

function attestedBy(report: SnpReport, platform: Record<string, string>, tcb: SnpTcb): Attested {
  const { measurement, hostData, idKeyDigest, authorKeyDigest, familyId, imageId } = report
  const registers = { measurement, hostData, idKeyDigest, authorKeyDigest, familyId, imageId }
  return {
    measurements: Object.fromEntries(Object.entries(registers).map(([name, value]) => [name, hex(value)])),
    reportData: hex(report.reportData),
    nonce: null,
    timestamp: null,
    tcbStatus: null,
    tcb: { ...tcb, guest: report.guestSvn },
    advisories: [],
    debug: report.policy.debug,
    migratable: report.policy.migrationAgent,
    vmpl: report.vmpl,
    partial: null,
    platform,
  }
}

/** What the guest's owner allows; debug and migration are the policy's to judge. */
function toldPolicy({ smt, singleSocket }: SnpReport['policy']): string {
  return `${smt ? 'SMT allowed' : 'no SMT'}${singleSocket ? ', one socket' : ''}`
}

type Passed<T> = ReturnType<typeof passed<T>>

function told(tcb: SnpTcb): string {
  return Object.entries(tcb)
    .map(([component, version]) => `${component} ${version}`)
    .join(', ')
}

function hex(bytes: Uint8Array): string {
  return toHex(bytes).slice(2)
}
