import { bold, green, type Output, red } from '../output.ts'
import { table } from '../table.ts'
import { type Round, survived } from './chaos.ts'
import { type Network, operatorName } from './network.ts'

const HEADER = [
  'request',
  'model',
  'assigned, killed',
  'after',
  'answered by',
  'latency',
  'back in',
  'checks',
]

/** The rounds as a table, and whether all went as they should. */
export function printChaos(output: Output, network: Network, rounds: Round[], seed: number): void {
  output.line()
  output.line(bold('Operators killed before they could answer'))
  output.line()
  for (const line of table(HEADER, rounds.map(rowOf))) output.line(line)
  output.line()
  const lost = rounds.filter(round => !survived(round))
  output.line(
    lost.length === 0
      ? green('Every request was answered exactly once, by another operator; the killed ones answer again.')
      : red(`NOT as it should be: round ${lost.map(({ number }) => number).join(', ')}.`),
  )
  output.line(`The same questions and moments again: nacre dev --chaos ${rounds.length} --seed ${seed}`)

  function rowOf({ asked, killed, killedAfterMs, answered, backMs }: Round): string[] {
    return [
      `${asked.requested.id.slice(0, 9)}…`,
      asked.model.name,
      killed.name,
      seconds(killedAfterMs),
      answered ? operatorName(network, answered.operator) : 'nobody',
      answered ? seconds(answered.latencyMs) : '',
      seconds(backMs),
      answered ? `${answered.checks.filter(check => check.ok).length} of ${answered.checks.length}` : '',
    ]
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`
}

/** The shape of `chaos` in `nacre dev --chaos --json`. */
export function chaosJson(rounds: Round[]): object[] {
  return rounds.map(round => ({
    request: round.asked.requested.id,
    consumer: round.asked.question.consumer,
    artifact: round.asked.model.artifact,
    assigned: round.killed.account,
    killed_after_ms: Math.round(round.killedAfterMs),
    answered_by: round.answered?.operator ?? null,
    latency_ms: round.answered ? Math.round(round.answered.latencyMs) : null,
    receipt: round.answered?.receiptId ?? null,
    new_key: round.newKey,
    back_ms: Math.round(round.backMs),
    answered_again: round.again?.requestId ?? null,
    not_answered_once: round.notOnce,
    ok: survived(round),
    checks: round.answered?.checks.map(({ name, ok, detail }) => ({ name, ok, detail })) ?? [],
  }))
}
