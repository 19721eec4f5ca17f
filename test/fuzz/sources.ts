import { basename } from 'node:path'
import {
  type CollateralFiles,
  type EvidencePolicy,
  sha256,
  TCB_STATUSES,
  TEES,
  type Tee,
  verifierOf,
} from '@nacre/verify'
import { decoded } from '../../cli/src/attestation/files.ts'
import { nodeCrypto } from '../../cli/src/nodeCrypto.ts'
import { type EvidenceFile, readRealEvidence } from '../evidence.ts'
import {
  authority,
  createDcapAuthority,
  createDstackAuthority,
  createNitroAuthority,
  createNvidiaAuthority,
  createSnpAuthority,
  type DcapOptions,
  evidenceOptions,
  NOW,
  type SnpOptions,
} from '../mock-authority/index.ts'

/** Evidence to mutate, with all that its verdict depends on. */
export type Source = {
  name: string
  tee: Tee
  evidence: Uint8Array
  collateral: CollateralFiles
  time: bigint
  policy: EvidencePolicy
}

/** Of the mock authorities, and all real evidence that there is. */
export function readSources(): Source[] {
  return [...mockSources(), ...realSources()]
}

function mockSources(): Source[] {
  const nitro = createNitroAuthority('fuzz')
  const source = (name: string, tee: Tee, root: string, evidence: Uint8Array): Source => ({
    name: `mock ${name}`,
    tee,
    evidence,
    collateral: new Map(),
    time: NOW,
    policy: { version: 1, roots: [root] },
  })
  const dcap = createDcapAuthority('fuzz')
  const quote = (name: string, options: Omit<DcapOptions, 'time'>): Source => {
    const { quote, files, pin } = dcap.issue({ time: NOW, ...options })
    return { ...source(name, options.tee, pin, quote), collateral: files }
  }
  const snp = createSnpAuthority('fuzz')
  const report = (name: string, options: Omit<SnpOptions, 'time'>): Source => {
    const all = { time: NOW, ...options }
    return { ...source(name, 'snp', snp.pin, snp.report(all)), collateral: snp.certificates(all) }
  }
  const nvidia = createNvidiaAuthority('fuzz')
  const gpu = source('nvidia', 'nvidia', nvidia.pin, nvidia.report({ time: NOW }))
  const { bundle, files, pin } = createDstackAuthority('fuzz').issue({ time: NOW })
  const indefinite = { time: NOW, indefinite: true, userData: new Uint8Array(64) }
  return [
    source('nitro', 'nitro', nitro.pin, nitro.issue({ time: NOW })),
    source('nitro, indefinite', 'nitro', nitro.pin, nitro.issue(indefinite)),
    quote('tdx, version 4', { tee: 'tdx' }),
    quote('tdx, version 5', { tee: 'tdx', version: 5 }),
    quote('sgx', { tee: 'sgx' }),
    report('snp, VCEK of Milan', { version: 3 }),
    report('snp, VLEK of Turin', { key: 'vlek', line: 'Turin' }),
    { ...gpu, collateral: nvidia.certificates({ time: NOW }) },
    { ...source('dstack', 'dstack', pin, bundle), collateral: files },
    source('simulated', 'simulated', sha256(authority.root), authority.issue(evidenceOptions)),
  ]
}

/** As tolerant as a policy can be: what it still refuses is not valid. */
const TOLERANT: EvidencePolicy = { version: 1, debug: true, tcbStatuses: [...TCB_STATUSES] }

function realSources(): Source[] {
  const files = readRealEvidence()
  const collateral = new Map(files.map(file => [basename(file.file), bytesOf(file)]))
  return files
    .filter(({ file, tee }) => TEES.includes(tee as Tee) && /\.(bin|txt|json)$/.test(file))
    .map(file => {
      const tee = file.tee as Tee
      const evidence = decoded(bytesOf(file))
      const source = { name: file.file, tee, evidence, collateral, policy: TOLERANT }
      return { ...source, time: validTime(source, file) }
    })
}

/** Between them there is one at which each of the real ones and its collateral are valid, if they ever were. */
const TIMES = ['2023-06-15', '2024-06-15', '2025-06-20', '2026-03-18', '2026-04-15T12:00Z', '2026-05-15']

/** A time at which it is valid, if there is one: its manifest's, or one of these. */
function validTime(source: Omit<Source, 'time'>, { expect }: EvidenceFile): bigint {
  const suggested: string[] = expect.suggested_verification_time ? [expect.suggested_verification_time] : []
  const times = [...suggested, ...TIMES].map(time => BigInt(Math.floor(Date.parse(time) / 1000)))
  const { tee, evidence, collateral, policy } = source
  return times.find(time => verifierOf(tee)(evidence, collateral, time, policy, nodeCrypto).ok) ?? times[0]!
}

function bytesOf({ base64 }: EvidenceFile): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'))
}
