import { bold, dim, green, type Output, plain, red, yellow } from '../output.ts'
import { here, quoted, stateFlag } from '../shell.ts'
import { table } from '../table.ts'
import type { Answered } from './job.ts'
import type { LanguageAnswer } from './languageQuestion.ts'
import { type Network, operatorName } from './network.ts'
import type { Check } from './receipts.ts'

const INDENT = ' '.repeat(9)
const WIDTH = 100

/** One question as it is answered. */
export function printAnswer(output: Output, answer: Answered, picture?: string): void {
  const right = answer.answer.includes(answer.expected)
  output.line()
  if (picture)
    for (const row of picture.replace(/^\s*\n|\n\s*$/g, '').split('\n')) output.line(`${INDENT}${row}`)
  output.line(`${INDENT}${answer.consumer} asks ${answer.model}: ${dim(`${answer.latencyMs.toFixed(0)} ms`)}`)
  output.line(`${INDENT}${answer.question}`)
  output.line(`${INDENT}${bold(plain(answer.answer))}${right ? `  ${green('right')}` : ''}`)
  if (right) return
  output.line(`${INDENT}${yellow(`Wrong, it is ${answer.expected}.`)} A receipt proves which model answered,`)
  output.line(`${INDENT}not that the model is right.`)
}

/** What the language model said. */
export function printLanguageAnswer(output: Output, one: LanguageAnswer): void {
  const { model, question, answer, tokens, latencyMs } = one
  output.line()
  output.line(`${INDENT}${model} is asked: ${dim(`${tokens} tokens, ${latencyMs.toFixed(0)} ms`)}`)
  output.line(`${INDENT}${question}`)
  for (const line of wrap(plain(answer.trim()).split(/\s+/), WIDTH - INDENT.length))
    output.line(`${INDENT}${bold(line)}`)
}

/** The table, then every check of every receipt: in full for the first, by name for the others. */
export function printResults(
  output: Output,
  network: Network,
  answers: Answered[],
  language: LanguageAnswer | undefined,
): void {
  output.line()
  for (const line of table(...cellsOf(network, answers))) output.line(line)
  output.line()
  output.line(bold('Each receipt, verified again off chain from its file'))
  const all = [...answers, ...(language ? [language] : [])]
  all.forEach((answer, i) => {
    output.line()
    output.line(`${answer.receiptId}  ${answer.model}, ${tally(answer.checks)}`)
    if (i === 0) printChecks(output, answer.checks)
    else printNames(output, answer.checks)
  })
  output.line()
  output.line(
    `The files are in ${here(network.paths.receipts)}${language ? ` and ${here(network.paths.answers)}` : ''}. What each check saw: nacre receipt verify FILE`,
  )
}

function cellsOf(network: Network, answers: Answered[]): [string[], string[][]] {
  const header = ['model', 'question', 'answer', 'by', 'latency', 'gas request', 'gas fulfil', 'receipt']
  const rows = answers.map(one => [
    one.model,
    shortOf(one.question),
    plain(one.answer),
    operatorName(network, one.operator),
    `${one.latencyMs.toFixed(0)} ms`,
    one.gasRequest.toLocaleString('en'),
    one.gasFulfil.toLocaleString('en'),
    `${one.receiptId.slice(0, 9)}…`,
  ])
  return [header, rows]
}

/** What a question ends with in parentheses: which flower, which digit. The whole was printed as it was answered. */
function shortOf(question: string): string {
  return /\(([^()]{1,30})\)$/.exec(question)?.[1] ?? question.slice(0, 20)
}

function tally(checks: readonly Check[]): string {
  const failed = checks.filter(check => !check.ok).length
  return failed === 0 ? green(`${checks.length} checks ok`) : red(`${failed} of ${checks.length} checks FAIL`)
}

/** A line a check. */
export function printChecks(output: Output, checks: readonly Check[]): void {
  for (const { name, ok, detail } of checks)
    output.line(
      `  ${ok ? green('ok  ') : red('FAIL')}  ${plain(name).padEnd(22)} ${ok ? dim(plain(detail)) : plain(detail)}`,
    )
}

/** The names of the checks that hold, wrapped; then a line for each that does not. */
function printNames(output: Output, checks: readonly Check[]): void {
  const names = checks.filter(check => check.ok).map(check => plain(check.name))
  wrap(names, WIDTH - 8).forEach((line, i) => {
    output.line(`  ${i === 0 ? green('ok  ') : '    '}  ${dim(line)}`)
  })
  printChecks(
    output,
    checks.filter(check => !check.ok),
  )
}

function wrap(words: string[], width: number): string[] {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** What can be done with a network that runs, or with what one leaves that is stopping. */
export function printNext(
  output: Output,
  network: Network,
  answers: Answered[],
  { stopping }: { stopping: boolean },
): void {
  const flag = stateFlag(network.paths)
  const { paths, rpcUrl } = network
  const urls = Object.values(network.operators)
  const verify = `  npx nacre receipt verify ${quoted(here(answers[0]?.file ?? 'FILE'))} \\`
  const policy = `    --policy ${quoted(here(paths.policy))}`
  const change = '  change one character of that file, and verify it again'
  output.line()
  output.line(bold('Try next'))
  const lines = stopping
    ? [verify, policy, change, `  npm start${flag && ` --${flag}`}   # the same network, to stay up`]
    : [
        `  npx nacre request lenet5 --sample 42${flag}`,
        verify,
        `${policy} --rpc ${rpcUrl}`,
        change,
        `  curl ${urls[0]}/metrics`,
        ...curlLines(network),
        '',
        `Contracts ${here(paths.deployment)}, chain ${rpcUrl}, operators ${urls.join(' ')}`,
        ...(network.inference ? [`OpenAI API ${network.inference.baseUrl}`] : []),
      ]
  for (const line of lines) output.line(line)
  output.line()
}

/** Any client of the OpenAI API; what it sends the gateway reads, which `nacre proxy` and the SDK do not let it. */
function curlLines({ inference }: Network): string[] {
  if (!inference) return []
  const [model] = Object.keys(inference.models)
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'What is a ship?' }] })
  return [
    `  curl ${inference.baseUrl}/chat/completions -H 'content-type: application/json' \\`,
    `    -d '${body}'`,
  ]
}

/** The shape of `nacre dev --json`. */
export function jsonOf(
  readyMs: number,
  answers: Answered[],
  { inference }: Network,
  language: LanguageAnswer | undefined,
): object {
  return {
    ready_ms: Math.round(readyMs),
    requests: answers.map(one => ({
      consumer: one.consumer,
      artifact: one.artifact,
      answer: one.answer,
      operator: one.operator,
      latency_ms: Math.round(one.latencyMs * 10) / 10,
      gas_request: Number(one.gasRequest),
      gas_fulfil: Number(one.gasFulfil),
      receipt: one.receiptId,
      checks: one.checks.map(({ name, ok, detail }) => ({ name, ok, detail })),
    })),
    ...(inference &&
      language && {
        inference: {
          base_url: inference.baseUrl,
          tls_url: inference.tlsUrl,
          model: language.model,
          artifact: inference.models[language.model],
          answer: language.answer,
          tokens: language.tokens,
          latency_ms: Math.round(language.latencyMs * 10) / 10,
          receipt: language.receiptId,
          checks: language.checks.map(({ name, ok, detail }) => ({ name, ok, detail })),
        },
      }),
  }
}
