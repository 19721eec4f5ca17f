/** CPU time that a quote with all of its collateral costs, beside another implementation, and whether both agree. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type EvidenceCrypto,
  type EvidencePolicy,
  TCB_STATUSES,
  type Verdict,
  verifierOf,
} from '@nacre/verify'
import { verify as verifyPeer } from '@phala/dcap-qvl'
import { nodeCrypto } from '../cli/src/nodeCrypto.ts'
import { REPOSITORY } from '../cli/src/paths.ts'
import { percentile } from './stats.ts'

/** A real quote, a bundle of collateral that has its machine, and a time at which that is current. */
const PAIRS = [
  [
    'tdx',
    'v4-dstack-tee-90c06f000000-cbdb5b2f.bin',
    'phala-tdx_quote_outdated_collateral.json',
    '2026-03-01',
  ],
  [
    'tdx',
    'v5-phala-network-90c06f000000-4c453ea4.bin',
    'phala-tdx_quote_outdated_collateral.json',
    '2026-03-01',
  ],
  ['tdx', 'v4-phala-network-b0c06f000000-32f07013.bin', 'phala-tdx_quote_collateral.json', '2025-06-20'],
  ['tdx', 'v4-dstack-tee-b0c06f000000-0c699dd4.bin', 'phala-tdx_quote_collateral.json', '2025-06-20'],
  ['sgx', 'v3-phala-network-00a067110000-f8b81014.bin', 'phala-sgx_quote_collateral.json', '2025-06-20'],
] as const

export type Agreement = { file: string; ours: string; peer: string; same: boolean }
export type Cpu = { n: number; median_ms: number; p90_ms: number }
export type Quotes = {
  /** `ours_noble` is pure JavaScript; the peer, @phala/dcap-qvl, is too, with node:crypto for hashes. */
  cpu: Record<'ours_node_crypto' | 'ours_noble' | 'peer', Cpu>
  target_ms: number
  verdicts: Agreement[]
}

/** Whatever can be accepted is: what is compared is the status itself. */
const LENIENT: EvidencePolicy = { version: 1, debug: true, tcbStatuses: [...TCB_STATUSES] }

export function benchQuotes(rounds = 100): Quotes {
  const folder = join(process.env.NACRE_VECTORS ?? join(REPOSITORY, '../shared/vectors'), 'attestation')
  if (!existsSync(folder))
    throw new Error(`the quotes are real ones, and ${folder} is absent: set NACRE_VECTORS`)
  const cases = PAIRS.map(([tee, file, bundle, at]) => ({
    tee,
    file,
    quote: new Uint8Array(readFileSync(join(folder, tee, file))),
    bundle: new Uint8Array(readFileSync(join(folder, 'dcap-collateral', bundle))),
    time: Date.parse(at) / 1000,
  }))
  const [first] = cases as [Case, ...Case[]]
  return {
    cpu: {
      ours_node_crypto: cpuOf(rounds, () => ours(first, nodeCrypto)),
      ours_noble: cpuOf(rounds, () => ours(first)),
      peer: cpuOf(rounds, () => peer(first)),
    },
    target_ms: 20,
    verdicts: cases.map(compare),
  }
}

type Case = { tee: 'tdx' | 'sgx'; file: string; quote: Uint8Array; bundle: Uint8Array; time: number }

/** From the bytes of both files to the verdict. */
function ours({ tee, quote, bundle, time }: Case, crypto: Partial<EvidenceCrypto> = {}): Verdict {
  return verifierOf(tee)(quote, new Map([['bundle', bundle]]), BigInt(time), LENIENT, crypto)
}

function peer({ quote, bundle, time }: Case): { status: string; advisory_ids: string[] } {
  return verifyPeer(Buffer.from(quote), JSON.parse(new TextDecoder().decode(bundle)), time)
}

function compare(one: Case): Agreement {
  const verdict = ours(one, nodeCrypto)
  const mine = verdict.ok ? told(verdict.tcbStatus ?? '', verdict.advisories) : 'refused'
  let theirs = 'refused'
  try {
    const { status, advisory_ids } = peer(one)
    theirs = told(status, advisory_ids)
  } catch {
    // It refuses by throwing.
  }
  return { file: one.file, ours: mine, peer: theirs, same: mine === theirs }
}

function told(status: string, advisories: string[]): string {
  return [status, ...advisories.toSorted()].join(' ')
}

/** Of this process's thread, user and system. */
function cpuOf(rounds: number, work: () => unknown): Cpu {
  for (let i = 0; i < 20; i++) work()
  const times = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return { n: rounds, median_ms: percentile(times, 0.5), p90_ms: percentile(times, 0.9) }
}
