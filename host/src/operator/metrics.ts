import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { RequestState } from './tables.ts'

export type Metrics = ReturnType<typeof createMetrics>

const STATES: RequestState[] = [
  'seen',
  'answered',
  'submitted',
  'fulfilled',
  'expired',
  'skipped',
  'orphaned',
]

export type MetricsSources = {
  registry: Registry
  /** Read when metrics are collected. */
  states: () => Promise<Partial<Record<RequestState, number>>>
  /** Seconds since 1970. */
  evidenceTime: () => number | undefined
  headTime: () => number | undefined
}

/** The agent's Prometheus metrics; docs/operating.md explains each. */
export function createMetrics({ registry, states, evidenceTime, headTime }: MetricsSources) {
  const registers = [registry]
  new Gauge({
    name: 'nacre_requests',
    help: 'Relay requests by state',
    labelNames: ['state'],
    registers,
    async collect() {
      const counts = await states()
      for (const state of STATES) this.set({ state }, counts[state] ?? 0)
    },
  })
  ageGauge(
    'nacre_evidence_age_seconds',
    'Age of the evidence of the enclave that serves; -1 while there is none',
    evidenceTime,
  )
  ageGauge('nacre_chain_head_age_seconds', 'Age of the newest block read; -1 before the first', headTime)
  return {
    fulfilSeconds: new Histogram({
      name: 'nacre_fulfil_seconds',
      help: 'From reading a request to its fulfilment by this operator in a block',
      buckets: [0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300],
      registers,
    }),
    gasSpent: new Counter({
      name: 'nacre_gas_wei_total',
      help: 'Wei paid for gas',
      labelNames: ['purpose'],
      registers,
    }),
    enclaveStarts: new Counter({
      name: 'nacre_enclave_starts_total',
      help: 'Enclaves launched',
      registers,
    }),
    disagreements: new Counter({
      name: 'nacre_chain_disagreements_total',
      help: 'What the two nodes of the chain say differently',
      labelNames: ['kind'],
      registers,
    }),
    witness: new Gauge({
      name: 'nacre_chain_witness',
      help: '1 while the witness shows the chain that is followed, -1 without one',
      registers,
    }),
    chainConnected: new Gauge({
      name: 'nacre_chain_websocket',
      help: '1 while block announcements arrive',
      registers,
    }),
  }

  function ageGauge(name: string, help: string, time: () => number | undefined): void {
    const collect = function (this: Gauge) {
      const at = time()
      this.set(at === undefined ? -1 : Date.now() / 1000 - at)
    }
    new Gauge({ name, help, registers, collect })
  }
}
