/** CPU time of verifying evidence of each TEE from its bytes to the verdict, beside other implementations. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import startEvervault, { PCRs, validateAttestationDocPcrs } from '@evervault/wasm-attestation-bindings'
import { type CollateralFiles, type EvidenceCrypto, type Tee, verifierOf } from '@nacre/verify'
import { nodeCrypto } from '../cli/src/nodeCrypto.ts'
import { EVIDENCE_FOLDER } from '../test/evidence.ts'
import { benchQuotes, type Quotes } from './quotes.ts'
import { type Cpu, cpuOf } from './stats.ts'

/** `ours_noble` is pure JavaScript. Targets are of the median with node:crypto. */
export type Evidence = { target_ms: number; cpu: Record<string, Cpu> }

export type Attestation = { nitro: Evidence; snp: Evidence; tdx: Quotes }

const NITRO = { file: 'nitro/evervault-2022-10-13-a7255268.bin', at: '2022-10-13T08:59:00Z' }
const SNP = {
  file: 'snp/v5-genoa-lunal-dev-7ea4daeb.bin',
  certificates: ['A267EF49D84DE4B0', '5464738C1546AED5', '4C6598D19C18719C'],
  at: '2026-03-01T00:00:00Z',
}

export async function benchAttestation(rounds = 100): Promise<Attestation> {
  if (!existsSync(EVIDENCE_FOLDER))
    throw new Error(`the evidence is real, and ${EVIDENCE_FOLDER} is absent: set NACRE_VECTORS`)
  const certificates = SNP.certificates.map(name => [name, read(`snp/certs/${name}.der`)] as const)
  return {
    nitro: {
      target_ms: 6,
      cpu: { ...ours('nitro', NITRO, new Map(), rounds), evervault_wasm: await evervault(rounds) },
    },
    snp: { target_ms: 2, cpu: ours('snp', SNP, new Map(certificates), rounds) },
    tdx: benchQuotes(rounds),
  }
}

function ours(
  tee: Tee,
  { file, at }: { file: string; at: string },
  collateral: CollateralFiles,
  rounds: number,
): Record<'ours_node_crypto' | 'ours_noble', Cpu> {
  const [evidence, time] = [read(file), BigInt(Date.parse(at) / 1000)]
  const work = (crypto: Partial<EvidenceCrypto>) => () => {
    const { ok, code } = verifierOf(tee)(evidence, collateral, time, undefined, crypto)
    if (!ok) throw new Error(`${file} is ${code}`)
  }
  return { ours_node_crypto: cpuOf(rounds, work(nodeCrypto)), ours_noble: cpuOf(rounds, work({})) }
}

/** It takes the time from the clock, which is set back meanwhile. */
async function evervault(rounds: number): Promise<Cpu> {
  const folder = join(import.meta.dirname, '../node_modules/@evervault/wasm-attestation-bindings')
  const wasm = readdirSync(folder).find(name => name.endsWith('.wasm'))!
  await startEvervault({ module_or_path: readFileSync(join(folder, wasm)) })
  const evidence = read(NITRO.file)
  const { measurements } = verifierOf('nitro')(evidence, new Map(), BigInt(Date.parse(NITRO.at) / 1000))
  const document = Buffer.from(evidence).toString('base64')
  const now = Date.now
  Date.now = () => Date.parse(NITRO.at)
  try {
    return cpuOf(rounds, () => {
      if (!validateAttestationDocPcrs(document, [new PCRs(measurements.pcr0!)]))
        throw new Error('evervault refuses it')
    })
  } finally {
    Date.now = now
  }
}

function read(file: string): Uint8Array {
  return new Uint8Array(readFileSync(join(EVIDENCE_FOLDER, file)))
}
