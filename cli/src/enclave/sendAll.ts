import type { RegistrationPlan, RegistrationStep } from '@nacre/sdk/attest/registerEnclave'
import type { LocalAccount, PublicClient } from 'viem'
import { CliError } from '../errors.ts'
import { signerOf } from '../operator/chain.ts'
import { interrupted, notMined, type Sent, send, waitForEarlier } from '../operator/send.ts'
import { dim, green, type Output, plain } from '../output.ts'

export type SentStep = Sent & { what: string }

type Work = {
  plan: RegistrationPlan
  client: PublicClient
  account: LocalAccount
  output: Output
  signal: AbortSignal
}

/** More than any plan needs, whatever other programs and other people do in between. */
const ATTEMPTS = 20

/**
 * Sends what is missing, one transaction after the other; what is missing is read again before each.
 * @throws CliError interrupted with what was sent, not-mined, no-funds; NacreError relay-reverted
 */
export async function sendAll({ plan, client, account, output, signal }: Work): Promise<SentStep[]> {
  const wallet = signerOf(client, account)
  const sent: SentStep[] = []
  let mined: RegistrationStep | undefined
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const [step] = await plan.remaining(mined)
    if (!step) return sent
    if (signal.aborted) throw stopped(sent, 'nothing is on its way')
    const done = await send(client, wallet, step.call, signal).catch(async error => {
      if (error instanceof CliError && error.code === 'interrupted') throw stopped(sent, error.why)
      // Anyone may send a registration: whoever came first did it for us.
      if (await plan.current()) return undefined
      throw error
    })
    if (done === undefined) {
      output.line('Somebody else came between: what is missing is looked at again.')
      await waitForEarlier(client, account.address, signal)
      continue
    }
    mined = step
    sent.push({ what: step.what, ...done })
    const facts = dim(`block ${done.block}, gas ${done.gas}, ${done.transaction}`)
    output.line(`${green('done')}  ${plain(step.what)}  ${facts}`)
  }
  throw notMined('the registration was')
}

function stopped(sent: readonly SentStep[], waiting: string): CliError {
  const mined = sent.map(({ what, transaction }) => `${what} (${transaction})`).join('; ')
  return interrupted(`${waiting}; mined: ${mined || 'nothing'}`)
}
