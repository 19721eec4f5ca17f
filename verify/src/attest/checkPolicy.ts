import { type Checklist, type Fact, passed } from '../checks.ts'
import type { Attested } from './attested.ts'
import { demand } from './codes.ts'
import type { EvidencePolicy } from './evidencePolicy.ts'

type Passed = ReturnType<typeof passed>

/** Whether authentic evidence is wanted: the same checks for every TEE, each with a code of the second class. */
export function checkPolicy(
  list: Checklist,
  attested: Fact<Attested>,
  policy: EvidencePolicy,
  time: bigint,
): void {
  list.check('policy-debug', [attested], ({ debug }) => checkDebug(debug, policy))
  if (attested.ok && attested.value.migratable !== undefined)
    list.check('policy-migration', [attested], ({ migratable }) => checkMigration(migratable, policy))
  if (policy.maxVmpl !== undefined)
    list.check('policy-vmpl', [attested], ({ vmpl }) => checkVmpl(vmpl, policy))
  list.check('policy-measurement', [attested], ({ measurements }) => checkMeasurements(measurements, policy))
  list.check('policy-tcb-status', [attested], ({ tcbStatus }) => checkTcbStatus(tcbStatus, policy))
  if (policy.minimumTcb) list.check('policy-tcb', [attested], ({ tcb }) => checkMinimumTcb(tcb, policy))
  if (policy.maxAge)
    list.check('policy-age', [attested], ({ timestamp }) => checkAge(timestamp, time, policy))
  if (policy.nonce) list.check('policy-nonce', [attested], found => checkNonce(found, policy))
  if (policy.reportData)
    list.check('policy-report-data', [attested], ({ reportData }) => checkReportData(reportData, policy))
  if (policy.publicKey)
    list.check('policy-public-key', [attested], ({ publicKey }) => checkPublicKey(publicKey, policy))
  if (policy.platforms)
    list.check('policy-platform', [attested], ({ platform }) => checkPlatform(platform, policy))
  list.check('policy-complete', [attested], ({ partial }) => checkComplete(partial, policy))
}

function checkDebug(debug: boolean | null, policy: EvidencePolicy): Passed {
  demand(
    !debug || policy.debug === true,
    'debug-refused',
    'in debug mode: whoever runs the machine sees and changes everything',
  )
  if (debug === null) return passed('WHETHER IT IS IN DEBUG MODE IS NOT KNOWN, see what is partial')
  return passed(debug ? 'IN DEBUG MODE, which the policy accepts: it protects nothing' : 'not in debug mode')
}

function checkMigration(migratable = false, policy: EvidencePolicy): Passed {
  const accepted = !migratable || policy.migration === true
  demand(accepted, 'migration-refused', 'a migration agent may move this guest to another machine')
  return passed(migratable ? 'MAY BE MIGRATED, which the policy accepts' : 'stays on its machine')
}

function checkVmpl(vmpl: number | undefined, { maxVmpl = 3 }: EvidencePolicy): Passed {
  const accepted = vmpl !== undefined && vmpl <= maxVmpl
  demand(accepted, 'vmpl-not-accepted', `VMPL ${vmpl ?? 'absent'}, at most ${maxVmpl} is accepted`)
  return passed(`VMPL ${vmpl}, at most ${maxVmpl} is accepted`)
}

function checkMeasurements(measurements: Record<string, string>, policy: EvidencePolicy): Passed {
  if (!policy.measurements) return passed('NO MEASUREMENT IS PINNED: any code in such a TEE passes')
  const accepted = policy.measurements.find(set => matches(measurements, set))
  demand(
    accepted !== undefined,
    'measurement-not-accepted',
    `none of the ${policy.measurements.length} accepted sets of measurements is this one`,
  )
  return passed(`${Object.keys(accepted).join(', ')} as the policy wants`)
}

function checkTcbStatus(status: Attested['tcbStatus'], policy: EvidencePolicy): Passed {
  if (status === null) return passed('this kind of evidence has no TCB status')
  const accepted: readonly string[] = policy.tcbStatuses ?? ['UpToDate']
  demand(
    accepted.includes(status),
    'tcb-status-not-accepted',
    `the TCB is ${status}, accepted: ${accepted.join(', ')}`,
  )
  return passed(`the TCB is ${status}`)
}

function checkMinimumTcb(tcb: Record<string, number>, { minimumTcb = {} }: EvidencePolicy): Passed {
  for (const [component, minimum] of Object.entries(minimumTcb)) {
    const version = Object.hasOwn(tcb, component) ? tcb[component] : undefined
    const told = version === undefined ? 'is not in this evidence' : `is ${version}`
    const enough = version !== undefined && version >= minimum
    demand(enough, 'tcb-below-minimum', `${component} ${told}, at least ${minimum} is wanted`)
  }
  return passed('every component is of the least version wanted, or a later one')
}

function checkAge(timestamp: bigint | null, time: bigint, { maxAge = 0 }: EvidencePolicy): Passed {
  demand(timestamp !== null, 'age-unknown', 'nobody signs when this evidence was made: use a nonce')
  const age = time > timestamp ? time - timestamp : 0n
  demand(age <= BigInt(maxAge), 'too-old', `${age} s old, at most ${maxAge} s are accepted`)
  return passed(`${age} s old, at most ${maxAge} s are accepted`)
}

function checkNonce({ nonce, reportData }: Attested, { nonce: wanted = '' }: EvidencePolicy): Passed {
  if (nonce !== null) {
    demand(nonce === wanted, 'nonce-mismatch', `the nonce is ${nonce || 'empty'}, expected ${wanted}`)
    return passed('the nonce that was sent')
  }
  const padded = reportData !== null && wanted.padEnd(reportData.length, '0') === reportData
  demand(
    padded,
    'nonce-mismatch',
    `the report data is ${reportData ?? 'absent'}, expected the nonce ${wanted}`,
  )
  return passed('the report data is the nonce that was sent')
}

function checkReportData(reportData: string | null, { reportData: wanted = '' }: EvidencePolicy): Passed {
  const told = reportData === null ? 'absent' : reportData || 'empty'
  demand(
    reportData === wanted,
    'report-data-mismatch',
    `the report data is ${told.slice(0, 128)}, expected ${wanted.slice(0, 128)}`,
  )
  return passed('the report data that was expected')
}

function checkPublicKey(publicKey: string | null = null, { publicKey: wanted = '' }: EvidencePolicy): Passed {
  const told = publicKey === null ? 'absent' : publicKey.slice(0, 128)
  const same = publicKey === wanted
  demand(same, 'public-key-mismatch', `the public key is ${told}, expected ${wanted.slice(0, 128)}`)
  return passed('the public key that was expected')
}

function checkPlatform(platform: Record<string, string>, { platforms = [] }: EvidencePolicy): Passed {
  const accepted = platforms.find(set => matches(platform, set))
  const told = Object.entries(platform).map(([name, id]) => `${name} ${id}`)
  demand(
    accepted !== undefined,
    'platform-not-accepted',
    `the policy does not name this machine: ${told.join(', ') || 'it tells no id'}`,
  )
  return passed(`a machine that the policy names by ${Object.keys(accepted).join(', ')}`)
}

function checkComplete(partial: string | null, policy: EvidencePolicy): Passed {
  if (partial === null) return passed('nothing is left unchecked')
  demand(policy.partial !== false, 'partial-refused', `partial: ${partial}`)
  return passed(`PARTIAL: ${partial}`)
}

function matches(found: Record<string, string>, wanted: Record<string, string>): boolean {
  return Object.entries(wanted).every(([name, value]) => Object.hasOwn(found, name) && found[name] === value)
}
