import { bold, dim, green, type Output, red } from '../output.ts'
import { table } from '../table.ts'
import type { Answered } from './job.ts'
import type { Network } from './network.ts'

/** One question as it is answered. */
export async function printAnswer(output: Output, answer: Answered, picture?: string): Promise<void> {
  if (picture) output.line(picture)
  output.line(`         ${answer.consumer} asks ${answer.model}: ${answer.question}`)
  const truth = answer.answer.includes(answer.expected)
    ? green('right')
    : red(`the model errs, it is ${answer.expected}`)
  output.line(`         ${bold(answer.answer)} (${truth}), ${answer.latencyMs.toFixed(0)} ms`)
}

/** The table, every check of every receipt, and where the receipts lie. */
export function printResults(output: Output, network: Network, answers: Answered[]): void {
  output.line()
  const header = ['model', 'question', 'answer', 'latency', 'gas request', 'gas fulfil', 'receipt']
  const rows = answers.map(one => [
    one.model,
    one.question.length > 44 ? `${one.question.slice(0, 43)}…` : one.question,
    one.answer,
    `${one.latencyMs.toFixed(0)} ms`,
    one.gasRequest.toLocaleString('en'),
    one.gasFulfil.toLocaleString('en'),
    `${one.receiptId.slice(0, 12)}…`,
  ])
  for (const line of table(header, rows)) output.line(line)
  output.line()
  output.line(bold(`Each receipt, verified again off chain from its file in ${network.paths.receipts}`))
  for (const answer of answers) {
    output.line(`${answer.receiptId}`)
    printChecks(output, answer.checks)
  }
}

export function printChecks(
  output: Output,
  checks: readonly { name: string; ok: boolean; detail: string }[],
): void {
  for (const { name, ok, detail } of checks)
    output.line(`  ${ok ? green('ok  ') : red('FAIL')}  ${name.padEnd(22)} ${ok ? dim(detail) : detail}`)
}

export function printNext(output: Output, network: Network, answers: Answered[], state: string): void {
  const flag = state === '.nacre' ? '' : ` --state ${state}`
  output.line()
  output.line(bold('Try next'))
  output.line(`  npx nacre request lenet5 --sample 42${flag}`)
  output.line(
    `  npx nacre receipt verify ${answers[0]?.file ?? 'FILE'} --policy ${network.paths.policy} --rpc ${network.rpcUrl}`,
  )
  output.line('  change one character of that file and verify it again')
  output.line(`  curl ${network.operatorUrl}/metrics`)
  output.line(
    `  contracts: ${network.paths.deployment}; chain ${network.rpcUrl}; operator ${network.operatorUrl}`,
  )
  output.line()
}

/** The shape of `nacre dev --json`. */
export function jsonOf(readyMs: number, answers: Answered[]): object {
  return {
    ready_ms: Math.round(readyMs),
    requests: answers.map(one => ({
      consumer: one.consumer,
      artifact: one.artifact,
      answer: one.answer,
      latency_ms: Math.round(one.latencyMs * 10) / 10,
      gas_request: Number(one.gasRequest),
      gas_fulfil: Number(one.gasFulfil),
      receipt: one.receiptId,
      checks: one.checks.map(({ name, ok, detail }) => ({ name, ok, detail })),
    })),
  }
}
