import { loadavg } from 'node:os'
import { table } from '../cli/src/table.ts'
import { benchAttested } from './attested.ts'
import { CASES, type Case } from './cases.ts'
import { benchChannel } from './channel.ts'
import { withNetwork } from './devNetwork.ts'
import { benchEngine } from './engine.ts'
import { openNetwork } from './network.ts'
import { save } from './results.ts'
import { benchRoundTrip } from './roundTrip.ts'
import type { Times } from './stats.ts'

type Say = (text?: string) => void

/**
 * Each model as a bare engine call, as an attested answer and as a relay round trip, on a development network of one
 * operator; of one `name`, or of all. Saves each, prints a table beside the article's figures, and returns the results by name.
 */
export async function benchModels(name: string | undefined, say: Say, dir: string): Promise<object> {
  const cases = CASES.filter(one => name === undefined || one.name === name)
  say('starting a development network, SIMULATED …')
  return withNetwork({ operators: 1 }, async state => {
    const results = []
    for (const one of cases) {
      say(`${one.name}: engine, attested, relay`)
      const result = await measure(one, state)
      save(one.name, result, dir)
      results.push(result)
    }
    print(results, say)
    return Object.fromEntries(results.map(result => [result.name, result]))
  })
}

async function measure(one: Case, state: string) {
  const network = openNetwork(state)
  const { name, title, rows, article } = one
  const engine = await benchEngine(one)
  const channel = await benchChannel(one)
  const attested = await benchAttested(network, one, channel, engine)
  const relay = await benchRoundTrip(network, one)
  return { name, title, rows, engine, channel, ...attested, relay, article }
}

function print(results: Row[], say: Say): void {
  const ms = ({ median, p90 }: Times): string => `${median.toFixed(2)} / ${p90.toFixed(2)}`
  const header = [
    'model',
    'engine',
    'attested',
    '× engine',
    'verify noble',
    'verify node',
    'sign',
    'evidence',
    'receipt',
    'relay',
    'gas',
    'article',
  ]
  const rows = results.map(one => [
    `${one.name} (${one.rows})`,
    ms(one.engine),
    ms(one.attested),
    (one.attested.median / one.engine.median).toFixed(0),
    ms(one.verify.noble),
    ms(one.verify.node),
    `${one.receiptShare.sign.toFixed(2)} ms`,
    `${one.receiptShare.evidence.toFixed(2)} ms`,
    `${one.receiptShare.percent} %`,
    ms(one.relay.time),
    `${one.relay.gasRequest} + ${one.relay.gasFulfil}`,
    `${one.article * 1000} ms`,
  ])
  say()
  for (const line of table(header, rows)) say(line)
  say(
    '\nTimes in ms, median / 90th percentile. attested: HTTP on loopback to the operator, fresh nonce and fresh',
  )
  say(
    'SIMULATED evidence for each answer, the receipt verified here by OpenSSL and libsecp256k1, no verdict kept.',
  )
  say('sign (with hashes), evidence, verify node: medians; receipt: their share of the attested answer.')
  say('article: the article’s figure for its TEE, on its own machines; another model of the same kind.')
  say(
    `Targets: attested ≤ 10 ms, relay ≤ 150 ms at the median. Load of this machine: ${loadavg()[0]?.toFixed(1)}.`,
  )
}

type Row = {
  name: string
  rows: number
  engine: Times
  attested: Times
  verify: { noble: Times; node: Times }
  receiptShare: { percent: number; sign: number; evidence: number }
  relay: { time: Times; gasRequest: number; gasFulfil: number }
  article: number
}
