import { fromUtf8, toHex } from '../bytes.ts'
import { type Checklist, combine, type Fact, passed } from '../checks.ts'
import type { Attested } from './attested.ts'
import { iso, nameOf, type X509 } from './certificate.ts'
import { type CertificateFiles, readCertificateFiles } from './certificateFiles.ts'
import { type CertificatePath, checkPath, findPath, piecesOf } from './certificatePath.ts'
import { demand, refusing } from './codes.ts'
import type { CollateralFiles } from './collateral.ts'
import type { EvidenceCrypto } from './crypto.ts'
import { readAll, readOne, TAG } from './der.ts'
import { DEFAULT_EVIDENCE_POLICY, type EvidencePolicy } from './evidencePolicy.ts'
import { type NvidiaReport, parseNvidiaReport } from './nvidiaReport.ts'
import { oid } from './oid.ts'
import { createContext, createVerdict, type EvidenceContext, type Verdict } from './verdict.ts'
import { content, elements } from './x509.ts'

/**
 * SHA-256 of the certificate "NVIDIA Device Identity CA" (nvtrust, guest_tools/gpu_verifiers/local_gpu_verifier,
 * verifier/certs/verifier_device_root.pem).
 */
export const NVIDIA_DEVICE_ROOT = '102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48'

const PARTIAL =
  "the measurements were not compared with NVIDIA's reference values: which firmware runs, and whether in debug mode, is not known"

/** Numbers of NVIDIA's opaque fields (nvtrust, spdm_msrt_resp_msg.py). */
const DRIVER_VERSION = 3
const VBIOS_VERSION = 6
const PROJECT = 17
const FIRMWARE_ID = 20

const SUBJECT_ALT_NAME = oid('2.5.29.17')
const DEVICE_INFO = oid('1.3.6.1.4.1.412.274.1')

/** TCG DICE: what firmware a key was made under (DICE Attestation Architecture, 2.23.133.5.4.1). */
const DICE_FIRMWARE = ['2.23.133.5.4.1', '2.23.133.5.4.1.1'].map(oid)
const FWIDS = 0xa6

/**
 * Verifies an attestation report of an NVIDIA GPU, Hopper or later: SPDM request and response, the certificates up to
 * NVIDIA's root as of `time`, in seconds since 1970, the signature, the firmware that the key was made for, and what
 * the policy wants of the nonce. Collateral: the GPU's certificates in PEM or DER, and revocation lists if any.
 *
 * The verdict is partial, and says so: without NVIDIA's signed reference values it is not known which firmware the
 * measurements are of.
 *
 * Never throws for bad evidence.
 * @throws NacreError as createContext, for a time or policy that is malformed
 */
export function verifyNvidia(
  evidence: Uint8Array,
  collateral: CollateralFiles,
  time: bigint,
  policy: EvidencePolicy = DEFAULT_EVIDENCE_POLICY,
  provider: Partial<EvidenceCrypto> = {},
): Verdict {
  const context = createContext(time, policy, provider)
  return createVerdict('nvidia', context, list => authenticate(list, evidence, collateral, context))
}

function authenticate(
  list: Checklist,
  evidence: Uint8Array,
  collateral: CollateralFiles,
  context: EvidenceContext,
): Fact<Attested> {
  const report = list.check('format', [], () => {
    const found = parseNvidiaReport(evidence)
    return passed(`SPDM 1.1, ${found.measurements.size} measurements`, found)
  })
  const leaf = list.check('certificates', [report], report => {
    const path = findNvidiaPath(report, readCertificateFiles(collateral, DICE_FIRMWARE), context)
    Object.assign(context.used, piecesOf(path))
    const leaf = checkPath(path, { certificates: context.policy.roots ?? [NVIDIA_DEVICE_ROOT] }, context)
    demand(leaf.maySign, 'broken-chain', 'the leaf certificate may not sign reports')
    const lists = path.crls.length > 0 ? 'none revoked' : 'revocation not checked, no list was given'
    return passed(`${nameOf(leaf.subject)}, valid until ${iso(leaf.notAfter)}; ${lists}`, leaf)
  })
  const signed = list.check('signature', [report, leaf], (report, leaf) => {
    demand(
      signs(report, leaf, context.crypto),
      'bad-signature',
      'the leaf certificate did not sign this report',
    )
    return passed('signed by the leaf certificate')
  })
  const firmware = list.check('firmware', [report, leaf], checkFirmware)
  return combine([report, leaf, signed, firmware], attestedBy)
}

/** The leaf that signed, of several; the last resort is one that did not, for the checks to say so. */
function findNvidiaPath(
  report: NvidiaReport,
  files: CertificateFiles,
  context: EvidenceContext,
): CertificatePath {
  const leaves = files.certificates.filter(({ isAuthority }) => !isAuthority)
  const leaf =
    leaves.length > 1 ? leaves.find(certificate => signs(report, certificate, context.crypto)) : undefined
  const found = leaf ?? leaves[0]
  demand(found !== undefined, 'missing-collateral', "the GPU's certificates were not given")
  return findPath(found, files, context)
}

function signs({ signed, signature }: NvidiaReport, { key }: X509, crypto: EvidenceCrypto): boolean {
  return key.type === 'p384' && crypto.verifyEs384(signed, signature, key.point)
}

/** A report that names its firmware has to name that for which the GPU's key was made. */
function checkFirmware({ opaque }: NvidiaReport, leaf: X509): ReturnType<typeof passed> {
  const reported = opaque.get(FIRMWARE_ID)
  if (!reported) return passed('the report does not name its firmware')
  const certified = refusing('wrong-binding', () => readFirmwareId(leaf))
  demand(certified !== undefined, 'wrong-binding', 'the report names firmware, the certificate none')
  const same = hex(certified) === hex(reported)
  demand(same, 'wrong-binding', `firmware ${hex(reported)}, the certificate is of ${hex(certified)}`)
  return passed('the firmware that the certificate names')
}

/**
 * Hopper's certificates have a CompositeDeviceID, whose third part is the firmware id; later ones a DiceTcbInfo, with
 * firmware ids under tag 6, of which the first counts.
 */
function readFirmwareId({ extensions }: X509): Uint8Array | undefined {
  const value = DICE_FIRMWARE.map(id => extensions.get(id)).find(found => found !== undefined)
  if (!value) return undefined
  const parts = readAll(readOne(value, TAG.sequence))
  const ids = parts.find(({ tag }) => tag === FWIDS)
  const id = ids ? readAll(ids.content)[0] : parts[2]
  const [, digest] = elements(content(id, TAG.sequence), 2)
  return content(digest, TAG.octetString)
}

function attestedBy({ measurements, nonce, opaque }: NvidiaReport, leaf: X509): Attested {
  const registers = [...measurements].sort(([a], [b]) => a - b)
  return {
    measurements: Object.fromEntries(registers.map(([index, value]) => [`measurement${index}`, hex(value)])),
    reportData: null,
    nonce: hex(nonce),
    timestamp: null,
    tcbStatus: null,
    tcb: {},
    advisories: [],
    debug: null,
    partial: PARTIAL,
    platform: readPlatform(opaque, leaf),
  }
}

/** What the report tells of the GPU, and the device's id as its certificate has it, such as `NVIDIA:GH100:48B0..`. */
function readPlatform(opaque: NvidiaReport['opaque'], leaf: X509): Record<string, string> {
  const vbios = opaque.get(VBIOS_VERSION)
  const found: Record<string, string | undefined> = {
    deviceId: readDeviceId(leaf),
    driverVersion: readText(opaque.get(DRIVER_VERSION)),
    vbiosVersion: vbios && readVbiosVersion(vbios),
    project: readText(opaque.get(PROJECT)),
  }
  return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => !!entry[1]))
}

/** As NVIDIA writes it, such as 96.00.5E.00.01. */
function readVbiosVersion(bytes: Uint8Array): string {
  return [3, 2, 1, 0, 4].map(at => hex(bytes.subarray(at, at + 1)).toUpperCase()).join('.')
}

/** DMTF's device info among the certificate's other names (DSP0274, "Leaf certificate"). */
function readDeviceId({ extensions }: X509): string | undefined {
  const names = extensions.get(SUBJECT_ALT_NAME)
  for (const { tag, content: name } of names ? readAll(readOne(names, TAG.sequence)) : []) {
    const [type, value] = tag === TAG.context0 ? elements(name, 2) : []
    if (type && toHex(content(type, TAG.oid)) === DEVICE_INFO)
      return fromUtf8(readOne(content(value, TAG.context0), TAG.utf8String))
  }
  return undefined
}

/** Printable ASCII up to the first zero. */
function readText(bytes: Uint8Array = new Uint8Array(0)): string {
  const [text = ''] = String.fromCharCode(...bytes.subarray(0, 64)).split('\0')
  return text.replace(/[^!-~]/g, '?')
}

function hex(bytes: Uint8Array): string {
  return toHex(bytes).slice(2)
}
