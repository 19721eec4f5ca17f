import { Counter, Gauge, type Registry } from 'prom-client'

export type Metrics = ReturnType<typeof createMetrics>

/** The gateway's Prometheus metrics; docs/operating.md explains each. */
export function createMetrics({ registry, enclaves }: { registry: Registry; enclaves: () => number }) {
  const registers = [registry]
  new Gauge({
    name: 'nacre_gateway_enclaves',
    help: 'Enclaves that calls may go to',
    registers,
    collect() {
      this.set(enclaves())
    },
  })
  return {
    open: new Gauge({ name: 'nacre_gateway_open_calls', help: 'Calls that are being answered', registers }),
    calls: new Counter({
      name: 'nacre_gateway_calls_total',
      help: 'Calls that have ended; status 0 of those whose client was gone before it had one',
      labelNames: ['kind', 'status'],
      registers,
    }),
    cut: new Counter({
      name: 'nacre_gateway_cut_total',
      help: 'Answers that ended before they were complete, on either side',
      registers,
    }),
    retries: new Counter({
      name: 'nacre_gateway_retries_total',
      help: 'Enclaves that gave a plain call no answer, or that were too busy for it',
      registers,
    }),
  }
}
