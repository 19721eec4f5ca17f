import type { Registered, RegistrationPlan } from '@nacre/sdk/attest/registerEnclave'
import type { EnclaveConfig, Hex, Identity } from '@nacre/verify'
import { formatAmount, formatTime } from '../operator/amounts.ts'
import { bold, dim, green, type Output, plain, yellow } from '../output.ts'
import { table } from '../table.ts'
import type { SentStep } from './sendAll.ts'

type Whose = { account: Hex; identity: Identity; config: EnclaveConfig }
type Outcome = { sent: readonly SentStep[]; registered: Registered | undefined }

/** What is to be registered, what the chain has of it, and what would be sent. */
export function printPlan(
  output: Output,
  plan: RegistrationPlan,
  { account, identity, config }: Whose,
): void {
  const { evidence, certificates, steps } = plan
  output.line(bold(`Key ${identity.receiptKey} of operator ${config.operator}`))
  output.line(`  release ${config.releaseId}, configuration ${identity.configHash}`)
  if (evidence) {
    const { tee, moduleId, timestamp, anchorNumber } = evidence
    output.line(
      `  ${plain(`${tee}, ${moduleId}, made at ${formatTime(timestamp)} over block ${anchorNumber}`)}`,
    )
    if (tee === 'simulated')
      output.line(yellow('  SIMULATED evidence: no hardware vouches for this enclave.'))
  }
  for (const { name, notAfter, cached } of certificates)
    output.line(
      `  ${cached ? green('cached') : 'new   '}  ${plain(name)}  ${dim(`until ${formatTime(notAfter)}`)}`,
    )
  if (steps.length === 0) output.line('Nothing is missing: nothing is sent.')
  else printSteps(output, plan, account)
}

function printSteps(output: Output, { steps, baseFee }: RegistrationPlan, account: Hex): void {
  output.line(`From ${account}, at a base fee of ${gweiOf(baseFee)}:`)
  const rows = steps.map((step, i) => [
    i + 1,
    step.what,
    gasText(step),
    costText(step.gas, baseFee),
    cachedText(step),
  ])
  for (const line of table(['step', 'what', 'gas', 'cost', 'certificates'], rows)) output.line(line)
  if (steps.some(({ measured }) => !measured))
    output.line(dim('~ about: it needs an earlier step, so that the node cannot run it yet'))
}

export function printDone(output: Output, { registered }: Outcome): void {
  if (registered) output.line(green(`The key is registered until ${formatTime(registered.expiresAt)}.`))
}

/** The command's result; amounts are decimal strings, in wei. */
export function resultOf(plan: RegistrationPlan, whose: Whose, { sent, registered }: Outcome): object {
  const { account, identity, config } = whose
  const { evidence, certificates, steps, baseFee } = plan
  return {
    account,
    receipt_key: identity.receiptKey,
    operator: config.operator,
    release: config.releaseId,
    configuration: identity.configHash,
    tee: evidence?.tee ?? null,
    anchor: evidence ? Number(evidence.anchorNumber) : null,
    certificates: certificates.map(({ name, notAfter, cached }) => ({
      name,
      not_after: Number(notAfter),
      cached,
    })),
    base_fee: baseFee,
    steps: steps.map(({ what, gas, measured, cached, fresh }) => ({
      what,
      gas: Number(gas),
      measured,
      cost: gas * baseFee,
      cached,
      new: fresh,
    })),
    already: plan.registered !== undefined,
    sent,
    registered: registered
      ? {
          operator: registered.operator,
          evidence_time: registered.evidenceTime,
          expires_at: registered.expiresAt,
        }
      : null,
  }
}

function gasText({ gas, measured }: RegistrationPlan['steps'][number]): string {
  return `${measured ? '' : '~'}${gas.toLocaleString('en-US')}`
}

function costText(gas: bigint, baseFee: bigint): string {
  return formatAmount(gas * baseFee)
}

function cachedText({ cached, fresh }: RegistrationPlan['steps'][number]): string {
  return `${cached} cached, ${fresh} new`
}

function gweiOf(wei: bigint): string {
  return `${Number(wei) / 1e9} gwei`
}
