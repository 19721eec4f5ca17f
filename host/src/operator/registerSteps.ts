import type { RegistrationPlan, RegistrationStep } from '@nacre/sdk/attest/registerEnclave'
import { type Identity, NacreError } from '@nacre/verify'
import { encodeFunctionData } from 'viem'
import { callContract } from '../chain/reverts.ts'
import { RetryableError } from '../common/errors.ts'
import { unlessAborted } from '../common/wait.ts'
import type { Intent, Transactions } from './transactions.ts'

/** More than any registration needs, whatever others do in between. */
const MAX_STEPS = 20

export type StepsOptions = {
  transactions: Transactions
  identity: Identity
  /** Its enclave has ended: nothing more is sent for it. */
  ended: AbortSignal | undefined
}

/** Each step as the chain is by then, by transactions that are stored before they are sent. */
export async function carryOut(
  plan: Pick<RegistrationPlan, 'steps' | 'remaining' | 'current'>,
  options: StepsOptions,
): Promise<void> {
  let [step] = plan.steps
  for (let count = 0; step && count < MAX_STEPS; count++) {
    options.ended?.throwIfAborted()
    const taken: RegistrationStep = step
    const mined = await accepted(options, intentOf(taken, options.identity)).catch(async refusal => {
      options.ended?.throwIfAborted()
      // Registration is open to anyone: who copied ours out of the mempool and came first did it for us.
      if ((await planned(plan.current)) === undefined) throw refusal
      return true
    })
    ;[step] = await planned(() => plan.remaining(mined ? taken : undefined))
  }
  if (step)
    throw rejected('registration', `it is not complete after ${MAX_STEPS} transactions`, { paid: true })
}

/** Its purpose is counted by its first word: docs/operating.md, Metrics. */
function intentOf({ call, registers }: RegistrationStep, { receiptKey }: Identity): Intent {
  const { address, abi, functionName, args } = call
  return {
    purpose: `${registers ? 'register' : 'certificate'}:${receiptKey}`,
    target: address,
    data: encodeFunctionData({ abi, functionName, args }),
  }
}

/** What the chain or the evidence refuses may pass with fresh evidence; everything else is the node's. */
export async function planned<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await callContract(work)
  } catch (error) {
    throw error instanceof NacreError ? rejected('registration', error.message) : error
  }
}

/**
 * Sends what an enclave's key needs, and waits for it. False when its nonce was used by another program of the account,
 * such as `nacre`: then it was not refused, either. Throws EVIDENCE_REJECTED, and the signal's reason once the enclave has
 * ended: until it is stored nothing is sent then, and what was sent is not waited for.
 */
export async function accepted({ transactions, ended }: StepsOptions, intent: Intent): Promise<boolean> {
  const gas = await transactions.estimate(intent).catch(cause => {
    if (cause instanceof RetryableError) throw cause
    throw rejected(intent.purpose, cause instanceof Error ? cause.message : String(cause))
  })
  const nonce = await transactions.send(intent, gas, async () => ended?.throwIfAborted())
  const row = await unlessAborted(transactions.mined(nonce), ended)
  if (row.status === 'lost') return false
  if (row.status !== 'success')
    throw rejected(intent.purpose, await transactions.explain(row), { paid: true })
  return true
}

/** Retryable: fresh evidence over a newer block may pass, and what is wrong for good shows in the log. */
export function rejected(purpose: string, reason: string, options: { paid?: boolean } = {}): RetryableError {
  return new RetryableError('EVIDENCE_REJECTED', `The chain refused ${purpose}: ${reason}`, {
    fix: 'Check the clock, that the release lists this measurement, and that the verifier has this root.',
    ...options,
  })
}
