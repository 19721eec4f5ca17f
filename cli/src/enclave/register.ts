import type { RegistrationPlan, PlanOptions as SdkOptions } from '@nacre/sdk/attest/registerEnclave'
import type { Hex } from '@nacre/verify'
import { EXIT } from '../errors.ts'
import { nodeCrypto } from '../nodeCrypto.ts'
import { askToSend, notConfirmed, type PlanOptions } from '../operator/plan.ts'
import { interrupted, waitForEarlier } from '../operator/send.ts'
import { accountOf, loadSettings, type OperatorOptions, type Settings, unlock } from '../operator/settings.ts'
import type { Output } from '../output.ts'
import { type Input, type RegistrationOptions, readInput } from './input.ts'
import { interruption } from './interruption.ts'
import { printDone, printPlan, resultOf } from './report.ts'
import { type SentStep, sendAll } from './sendAll.ts'

export type RegisterOptions = OperatorOptions &
  PlanOptions &
  RegistrationOptions & { anchor?: number; maxGas?: number }

type Work = { options: RegisterOptions; settings: Settings; output: Output; signal: AbortSignal }

/**
 * `nacre enclave register`: plans the transactions that register an enclave, shows them with their gas, asks, and sends
 * what is missing. That the key is registered already is a success, and nothing is sent.
 */
export async function register(options: RegisterOptions, output: Output): Promise<number> {
  const { signal, ignore } = interruption()
  try {
    const settings = await loadSettings(options)
    const account = await accountOf(settings)
    const input = readInput(options, settings, account)
    await waitForEarlier(settings.client, account, signal)
    const work = { options, settings, output, signal }
    const plan = await planOf(work, account, input)
    const whose = { account, ...input }
    printPlan(output, plan, whose)
    const sent = await carryOut(work, plan)
    // Also when nothing was sent: somebody else may have.
    const registered = options.dryRun ? plan.registered : await plan.current()
    printDone(output, { sent, registered })
    output.result(resultOf(plan, whose, { sent, registered }))
    return EXIT.ok
  } finally {
    ignore()
  }
}

async function planOf(
  { options, settings, output, signal }: Work,
  account: Hex,
  input: Input,
): Promise<RegistrationPlan> {
  const { planRegistration } = await import('@nacre/sdk/attest/registerEnclave')
  const wanted: SdkOptions = {
    ...input,
    client: settings.client,
    deployment: settings.contracts,
    account,
    crypto: nodeCrypto,
    signal,
    onProgress: (done, of) => output.line(`hints of signatures: ${done} of ${of}`),
    ...(options.anchor !== undefined && { anchorNumber: BigInt(options.anchor) }),
    ...(options.maxGas !== undefined && { maxGas: BigInt(options.maxGas) }),
  }
  return planRegistration(wanted).catch(error => {
    throw signal.aborted ? interrupted('nothing was sent') : error
  })
}

async function carryOut(
  { options, settings, output, signal }: Work,
  plan: RegistrationPlan,
): Promise<SentStep[]> {
  if (plan.steps.length === 0 || options.dryRun) return []
  if (!options.yes) {
    await askToSend(signal)
    await sameAsShown(plan)
  }
  const account = await unlock(settings)
  return sendAll({ plan, client: settings.client, account, output, signal })
}

/** What is sent is what was shown, or less of it: whoever asks for the word waits, and the chain does not. */
async function sameAsShown(plan: RegistrationPlan): Promise<void> {
  const gasOf = (steps: RegistrationPlan['steps']): bigint => steps.reduce((sum, { gas }) => sum + gas, 0n)
  const [shown, now] = [gasOf(plan.steps), gasOf(await plan.remaining())]
  if (now > (shown * 5n) / 4n) throw notConfirmed('the chain changed meanwhile', 'run the command again')
}
