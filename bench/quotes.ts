/** CPU time that a quote with all of its collateral costs, beside another implementation, and whether both agree. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
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
import { type Cpu, cpuOf } from './stats.ts'

/** Real quotes by TEE and the beginning of the name, with what to verify them, at a time when that is current. */
const PAIRS: [tee: 'tdx' | 'sgx', name: string, collateral: keyof typeof SETS, at: string][] = [
  ['tdx', 'v4-dstack-tee-90c06f000000', 'outdated', '2026-03-01'],
  ['tdx', 'v5-phala-network-90c06f000000', 'outdated', '2026-03-01'],
  ['tdx', 'v4-phala-network-b0c06f000000', 'tdx', '2025-06-20'],
  ['tdx', 'v4-dstack-tee-b0c06f000000', 'tdx', '2025-06-20'],
  ['sgx', 'v3-phala-network-00a067110000', 'sgx', '2025-06-20'],
  ['tdx', 'v4-dstack-tee-90c06f000000', 'lunal', '2026-03-18'],
  ['tdx', 'v5-phala-network-90c06f000000', 'lunal', '2026-03-18'],
  ['tdx', 'v4-google-00806f050000', 'automata', '2025-06-20'],
  ['tdx', 'v4-automata-network-00806f050000', 'automata', '2025-06-20'],
]

/** A bundle as it is, with pieces of others in it where they are named. */
const SETS = {
  outdated: ['phala-tdx_quote_outdated_collateral.json'],
  tdx: ['phala-tdx_quote_collateral.json'],
  sgx: ['phala-sgx_quote_collateral.json'],
  lunal: [
    'phala-tdx_quote_collateral.json',
    'lunal-tcb_info_90c06f000000.json',
    'lunal-td_qe_identity.json',
    'lunal-pck_crl_platform.der',
  ],
  automata: [
    'phala-tdx_quote_collateral.json',
    'automata-0625-tcbinfov3_00806f050000.json',
    'automata-0625-qe_td.json',
  ],
} as const

/**
 * Where the peer differs, and why: the TDX module is of major version 1, whose own versions are in the first two
 * components. Intel's library leaves them out of the levels then (isTdxTcbHigherOrEqual), the peer does not.
 */
const KNOWN = ['v4-google-00806f050000']

export type Agreement = { file: string; ours: string; peer: string; same: boolean; known: boolean }
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
  const cases = PAIRS.map(([tee, name, set, at]) => {
    const file = readdirSync(join(folder, tee)).find(file => file.startsWith(name))
    if (!file) throw new Error(`there is no quote ${name} in ${folder}`)
    const quote = new Uint8Array(readFileSync(join(folder, tee, file)))
    return {
      tee,
      file,
      quote,
      bundle: bundleOf(join(folder, 'dcap-collateral'), set),
      time: Date.parse(at) / 1000,
    }
  })
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

function bundleOf(folder: string, set: keyof typeof SETS): Uint8Array {
  const [base, tcbInfo, identity, list] = SETS[set] as readonly string[]
  const text = (file: string): string => readFileSync(join(folder, file), 'utf8')
  const signed = (name: string, file?: string): object => {
    const [, body, signature] = /^\{"\w+":(.*),"signature":"(.*)"\}$/.exec(file ? text(file) : '') ?? []
    return file ? { [name]: body, [`${name}_signature`]: signature } : {}
  }
  const bundle = {
    ...JSON.parse(text(base as string)),
    ...signed('tcb_info', tcbInfo),
    ...signed('qe_identity', identity),
    ...(list ? { pck_crl: readFileSync(join(folder, list)).toString('hex') } : {}),
  }
  return new TextEncoder().encode(JSON.stringify(bundle))
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
  const known = KNOWN.some(name => one.file.startsWith(name))
  return { file: one.file, ours: mine, peer: theirs, same: mine === theirs, known }
}

function told(status: string, advisories: string[]): string {
  return [status, ...advisories.toSorted()].join(' ')
}
