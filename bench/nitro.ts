/** Gas of Nitro attestation on chain beside what others have published, and the time that hints take. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openNitro, proveSignatures } from '@nacre/sdk/attest/nitroHints'
import { nodeCrypto } from '../cli/src/nodeCrypto.ts'
import { REPOSITORY } from '../cli/src/paths.ts'
import { table } from '../cli/src/table.ts'
import { createNitroAuthority, NOW } from '../test/mock-authority/index.ts'
import { percentile } from './stats.ts'

/** A figure that somebody published, or that was measured again from what they published. */
export type Published = {
  system: string
  /** All certificates and the document; transactions that it takes, where told. */
  cold: string
  /** The document alone, its certificates cached. */
  warm: string
  /** How it is proven, and where the figures are from. */
  note: string
}

export type Nitro = {
  /** Of contracts/snapshots: Osaka rules, a whole transaction with calldata and its floor. */
  gas: Record<Scenario, number>
  target_gas: Record<Scenario, number>
  /** All that may be asked of one transaction since EIP-7825. */
  transaction_cap: number
  published: Published[]
  /** CPU time to prove one signature, in this process's one thread; no signature is proven twice. */
  hint: { n: number; median_ms: number; p90_ms: number; max_ms: number; target_ms: number }
}

const SCENARIOS = ['nitro-warm', 'nitro-new-leaf', 'nitro-cold'] as const
type Scenario = (typeof SCENARIOS)[number]

const TARGET_GAS: Record<Scenario, number> = {
  'nitro-warm': 1_250_000,
  'nitro-new-leaf': 1_900_000,
  'nitro-cold': 4_200_000,
}

const PUBLISHED: readonly Published[] = [
  {
    system: 'Base nitro-validator v2',
    cold: '41.89 M in 5 transactions',
    warm: '13.88 M',
    note: 'inverses as hints; README of 2026-08 (41.29 M, 13.78 M), measured again at its commit under Osaka rules',
  },
  {
    system: 'Marlin NitroProver',
    cold: '69.7 M in 5 transactions',
    warm: '18.9 M',
    note: 'CA, key usage and path length unchecked; receipts of its transactions on Arbitrum Sepolia',
  },
  { system: 'Base nitro-validator v1', cold: '63 M', warm: '', note: 'its README' },
  {
    system: 'RISC Zero, SP1',
    cold: '260 k to 570 k',
    warm: '',
    note: 'a proof of the verification: needs a prover; documents of Automata and Espresso',
  },
]

const ROUNDS = 20

/** @throws Error when the snapshots lack a scenario: npm run gas writes them */
export async function benchNitro(rounds = ROUNDS): Promise<Nitro> {
  return {
    gas: readGas(),
    target_gas: TARGET_GAS,
    transaction_cap: 16_777_216,
    published: [...PUBLISHED],
    hint: await timeHints(rounds),
  }
}

/** The table, a line each. */
export function nitroTable({ gas, published, hint }: Nitro): string[] {
  const [warm, leaf, cold] = SCENARIOS.map(scenario => gas[scenario].toLocaleString('en-US'))
  const rows = [
    ['Nacre', `${cold} in one transaction`, warm!, `measured: contracts/snapshots; with a new leaf ${leaf}`],
    ...published.map(({ system, cold, warm, note }) => [system, cold, warm, `published: ${note}`]),
  ]
  return [
    ...table(['Nitro on chain, gas', 'cold', 'chain cached', 'source'], rows),
    '',
    `a hint takes ${hint.median_ms} ms at the median, ${hint.max_ms} ms at most (target ${hint.target_ms}), of ${hint.n}`,
  ]
}

/** Each test file of gas has a snapshot file of its own. */
function readGas(): Record<Scenario, number> {
  const files = globSync('contracts/snapshots/*.json', { cwd: REPOSITORY })
  const figures = Object.fromEntries(
    files.flatMap(file => Object.entries(JSON.parse(readFileSync(join(REPOSITORY, file), 'utf8')))),
  )
  const entries = SCENARIOS.map(scenario => {
    const gas = Number(figures[scenario] ?? Number.NaN)
    if (!Number.isSafeInteger(gas)) throw new Error(`contracts/snapshots has no ${scenario}: npm run gas`)
    return [scenario, gas]
  })
  return Object.fromEntries(entries)
}

/** Documents of the tests' own authority, whose signatures are as AWS's; each has five that no other has. */
async function timeHints(rounds: number): Promise<Nitro['hint']> {
  const authority = createNitroAuthority('benchmark')
  const root = `0x${authority.pin}` as const
  const times: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const time = NOW + BigInt(round)
    const { signatures } = openNitro(authority.issue({ time }), { root, time, crypto: nodeCrypto })
    for (const signature of signatures) {
      const before = process.cpuUsage()
      await proveSignatures([signature], [0])
      const { user, system } = process.cpuUsage(before)
      // The first round warms up.
      if (round > 0) times.push((user + system) / 1000)
    }
  }
  const at = (share: number): number => percentile(times, share)
  return { n: times.length, median_ms: at(0.5), p90_ms: at(0.9), max_ms: at(1), target_ms: 300 }
}
