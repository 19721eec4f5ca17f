import type { Hex } from '@nacre/verify'
import { CliError, EXIT } from '../errors.ts'
import type { Subject } from '../operator/facts.ts'
import { carryOut, type Plan, type PlanOptions } from '../operator/plan.ts'
import { hashOf } from '../operator/values.ts'
import { type Output, yellow } from '../output.ts'
import { callOf, costOf, type PublisherOptions, publisherSettings, readRelease, releasesOf } from './chain.ts'

const WARNING = [
  'Revoking cannot be taken back. From then on no contract takes a receipt of any enclave of this release, whoever',
  'operates it; requests that only such enclaves could answer expire and are refunded.',
]

/** `nacre release revoke ID`: for ever. A release that is revoked already is a success, and nothing is sent. */
export async function revoke(
  text: string,
  options: PublisherOptions & PlanOptions,
  output: Output,
): Promise<number> {
  const id = hashOf(text, 'the release')
  const settings = await publisherSettings(options)
  for (const line of WARNING) output.line(yellow(line))
  const done = await carryOut(settings, options, output, subject => plan(subject, id))
  output.result({ ...done, release_id: id })
  return EXIT.ok
}

async function plan(subject: Subject, id: Hex): Promise<Plan> {
  const releases = await releasesOf(subject)
  const { listed, publisher, revoked } = await readRelease(subject, releases, id)
  if (!listed) throw refused(id, 'nobody has listed it on this chain')
  if (publisher !== subject.account)
    throw refused(id, `its publisher is ${publisher}, not ${subject.account}`)
  const role = 'Publisher'
  if (revoked) return { role, steps: [], already: [`release ${id} is revoked`] }
  const call = callOf(releases, 'revoke', [id])
  return {
    role,
    steps: [{ what: `revoke release ${id}, for ever`, call }],
    already: [],
    notes: [await costOf(subject, call)],
  }
}

function refused(id: Hex, why: string): CliError {
  return new CliError('bad-input', {
    what: `release ${id} cannot be revoked`,
    why,
    fix: 'use the account that published it: --keystore FILE, on its chain',
  })
}
