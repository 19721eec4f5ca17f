import type { Wallet } from '@nacre/sdk'
import type { Hex } from '@nacre/verify'
import { CliError } from '../errors.ts'
import { bold, dim, green, type Output, plain } from '../output.ts'
import { formatAmount } from './amounts.ts'
import { signerOf } from './chain.ts'
import type { Subject } from './facts.ts'
import { askYes } from './prompt.ts'
import { type Call, noFunds, notMined, type Sent, send, waitForEarlier } from './send.ts'
import { accountOf, type Settings, unlock } from './settings.ts'

/** One transaction, and what it does in words. */
export type Step = { what: string; call: Call }

/** What is missing on chain for what was asked, and what is there already. */
export type Plan = {
  steps: Step[]
  already: string[]
  notes?: string[]
  /** What the account is here; "Operator" when absent. */
  role?: string
}

export type PlanOptions = { yes?: boolean; dryRun?: boolean }

/** How often another program of the account may come between. */
const ATTEMPTS = 5

export type Done = { account: Hex; already: string[]; planned: string[]; sent: (Sent & { what: string })[] }

/**
 * Shows what would be sent, asks, and sends it, one transaction after the other. The plan is made from the chain, so that
 * running a command again sends only what is still missing.
 * @throws CliError not-confirmed, no-funds, not-mined; NacreError relay-reverted
 */
export async function carryOut(
  settings: Settings,
  options: PlanOptions,
  output: Output,
  makePlan: (subject: Subject) => Promise<Plan>,
): Promise<Done> {
  const { client, contracts } = settings
  const account = await accountOf(settings)
  const subject = { client, contracts, account }
  await waitForEarlier(client, account)
  let plan = await makePlan(subject)
  show(plan, account, output)
  const planned = plan.steps.map(step => step.what)
  const done: Done = { account, already: plan.already, planned, sent: [] }
  if (plan.steps.length === 0 || options.dryRun) return done

  await checkFunds(subject, plan)
  if (!options.yes) await confirm(plan, () => makePlan(subject))
  const wallet = signerOf(client, await unlock(settings))
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (await sendAll(subject, wallet, plan, done, output)) return done
    output.line('Another program of this account sent a transaction of its own: the rest is looked at again.')
    await waitForEarlier(client, account)
    plan = await makePlan(subject)
  }
  throw notMined('what is missing was')
}

/** False when another transaction of the account took the place of one of these. */
async function sendAll(
  { client }: Subject,
  wallet: Wallet,
  { steps }: Plan,
  done: Done,
  output: Output,
): Promise<boolean> {
  for (const { what, call } of steps) {
    const sent = await send(client, wallet, call)
    if (sent === undefined) return false
    const facts = dim(`block ${sent.block}, gas ${sent.gas}, ${sent.transaction}`)
    output.line(`${green('done')}  ${plain(what)}  ${facts}`)
    done.sent.push({ what, ...sent })
  }
  return true
}

function show({ steps, already, notes = [], role = 'Operator' }: Plan, account: Hex, output: Output): void {
  output.line(bold(`${role} ${account}`))
  for (const text of already) output.line(`  ${green('=')} ${plain(text)}`)
  for (const { what } of steps) output.line(`  + ${plain(what)}`)
  for (const text of notes) output.line(`  ${plain(text)}`)
  if (steps.length === 0) output.line('Nothing is missing: nothing is sent.')
}

async function checkFunds({ client, account }: Subject, { steps }: Plan): Promise<void> {
  const value = steps.reduce((sum, { call }) => sum + (call.value ?? 0n), 0n)
  const balance = await client.getBalance({ address: account })
  if (balance >= value) return
  throw noFunds(`the account has ${formatAmount(balance)}`, `the plan needs ${formatAmount(value)}, and gas`)
}

/** What is sent is what was shown: whoever asks for the word waits, and the chain does not. */
async function confirm(plan: Plan, again: () => Promise<Plan>): Promise<void> {
  await askToSend()
  const words = ({ steps }: Plan): string => JSON.stringify(steps.map(step => step.what))
  if (words(await again()) !== words(plan))
    throw notConfirmed('the chain changed meanwhile', 'run the command again')
}

/** @throws CliError not-confirmed unless somebody says yes, interrupted by the signal */
export async function askToSend(signal?: AbortSignal): Promise<void> {
  const answer = await askYes('Send this?', undefined, signal)
  if (answer === undefined)
    throw notConfirmed('there is no terminal to ask', 'add --yes to send it, or --dry-run to see it only')
  if (!answer) throw notConfirmed('you did not say yes', 'run the command again when you want it')
}

export function notConfirmed(why: string, fix: string): CliError {
  return new CliError('not-confirmed', { what: 'nothing was sent', why, fix })
}
