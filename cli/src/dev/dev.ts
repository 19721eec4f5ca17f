/** `nacre dev`: the whole network on this machine, SIMULATED, its main job, and operators that are killed. */
import { CliError, EXIT } from '../errors.ts'
import { green, type Output, red } from '../output.ts'
import { openState } from '../state.ts'
import { chaos, type Round, randomSeed, survived } from './chaos.ts'
import { chaosJson, printChaos } from './chaosReport.ts'
import { type Answered, mainJob } from './job.ts'
import { askLanguageModel, type LanguageAnswer } from './languageQuestion.ts'
import { createLifetime } from './lifetime.ts'
import type { Network } from './network.ts'
import { createProgress, warnSimulated } from './progress.ts'
import { jsonOf, printAnswer, printLanguageAnswer, printNext, printResults } from './report.ts'
import { type DevOptions, loadHost, type Run } from './run.ts'
import { type Started, start } from './start.ts'

const DEFAULT_ROUNDS = 3

export async function dev(options: DevOptions, output: Output): Promise<number> {
  checkOptions(options)
  const progress = createProgress(output)
  warnSimulated(output)
  const lifetime = createLifetime({
    onStopFailed: (name, error) => progress.step(red(`${name}: ${String(error)}`)),
  })
  const run: Run = {
    options,
    paths: openState(options.state),
    host: await loadHost(),
    lifetime,
    progress,
    output,
  }
  try {
    const started = await lifetime.during(start(run))
    const { network } = started
    const readyMs = progress.now()
    progress.step(green('ready'))
    const answers = await lifetime.during(doMainJob(run, network))
    const language = await lifetime.during(doQuestion(run, network))
    printResults(output, network, answers, language)
    const all = [...answers, ...(language ? [language] : [])]
    const checked = all.every(answer => answer.checks.every(check => check.ok))
    if (!checked) output.line(red('A check failed: see above.'))
    const rounds = options.chaos === undefined ? undefined : await lifetime.during(doChaos(run, started))
    printNext(output, network, answers, { stopping: options.once === true })
    output.result({
      ...jsonOf(readyMs, answers, network, language),
      ...(rounds && { chaos: chaosJson(rounds) }),
    })
    const code = checked && (rounds ?? []).every(survived) ? EXIT.ok : EXIT.checkFailed
    if (options.once) return code
    output.line('The network stays up. Ctrl-C stops it; its state is kept.')
    await lifetime.during(lifetime.interrupted)
    return code
  } finally {
    progress.step('stopping')
    await lifetime.close()
  }
}

function checkOptions({ operators, chaos: rounds, seed }: DevOptions): void {
  if (rounds === undefined && seed !== undefined)
    throw new CliError('usage', {
      what: '--seed is given without --chaos',
      why: 'it chooses the questions and moments of the rounds',
      fix: 'nacre dev --chaos --seed 1',
    })
  if (rounds !== undefined && operators < 2)
    throw new CliError('usage', {
      what: '--chaos needs at least two operators',
      why: 'one is killed, and another has to answer',
      fix: 'nacre dev --chaos --operators 3',
    })
}

async function doMainJob({ output, progress }: Run, network: Network): Promise<Answered[]> {
  const { drawDigit } = await import('../../../models/samples.ts')
  const answers: Answered[] = []
  progress.step('contracts ask, the enclave answers, the chain checks and calls back')
  for await (const answer of mainJob(network)) {
    answers.push(answer)
    printAnswer(output, answer, answer.pixels && drawDigit(answer.pixels))
  }
  progress.step(`${answers.length} answers`)
  return answers
}

/** Sealed to the enclave, through the gateway. */
async function doQuestion({ output, progress }: Run, network: Network): Promise<LanguageAnswer | undefined> {
  if (!network.inference) return undefined
  progress.step('a client seals a question to the language model’s enclave, and checks the receipt')
  const answer = await askLanguageModel(network, network.inference)
  printLanguageAnswer(output, answer)
  return answer
}

async function doChaos(
  { options, output, progress }: Run,
  { network, operators }: Started,
): Promise<Round[]> {
  const count = options.chaos === true || options.chaos === undefined ? DEFAULT_ROUNDS : options.chaos
  const seed = options.seed ?? randomSeed()
  output.line()
  progress.step(`chaos, ${count} rounds, seed ${seed}`)
  const rounds: Round[] = []
  const say = (text: string): void => progress.step(text)
  for await (const round of chaos({ network, operators, rounds: count, seed, say })) rounds.push(round)
  printChaos(output, network, rounds, seed)
  return rounds
}
