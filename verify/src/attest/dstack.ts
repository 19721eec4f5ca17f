import { toHex } from '../bytes.ts'
import { type Checklist, combine, type Fact, passed } from '../checks.ts'
import type { Attested } from './attested.ts'
import { demand } from './codes.ts'
import type { CollateralFiles } from './collateral.ts'
import type { EvidenceCrypto } from './crypto.ts'
import { createQuoteVerdict } from './dcap.ts'
import { type DstackBundle, parseDstackBundle, type RuntimeEvent, replay } from './dstackBundle.ts'
import { DEFAULT_EVIDENCE_POLICY, type EvidencePolicy } from './evidencePolicy.ts'
import { checkTd } from './tdx.ts'
import { createContext, createVerdict, type EvidenceContext, type Verdict } from './verdict.ts'

/** The file of collateral with what the application is: its bytes are hashed as they are. */
export const APP_COMPOSE = 'app-compose.json'

/** Events of dstack's own, by the measurement that each becomes. */
const BOOT_EVENTS = {
  composeHash: 'compose-hash',
  appId: 'app-id',
  instanceId: 'instance-id',
  osImageHash: 'os-image-hash',
  keyProvider: 'key-provider',
} as const
const REQUIRED: readonly string[] = [BOOT_EVENTS.composeHash, BOOT_EVENTS.appId]
/** After it the application may record what it likes. */
const END_OF_BOOT = 'system-ready'

/**
 * Verifies a bundle of dstack: its quote as `verifyTdx` does; that its log of events is the one of the quote's
 * RTMR3; and that the application is what it is said to be. Collateral: Intel's, and `app-compose.json` if it is known.
 *
 * What the log says is the word of the guest's operating system: it counts only where the policy pins that as well,
 * by `mrtd` and `rtmr0` to `rtmr2`.
 *
 * Never throws for bad evidence or collateral.
 * @throws NacreError as createContext, for a time or policy that is malformed
 */
export function verifyDstack(
  evidence: Uint8Array,
  collateral: CollateralFiles,
  time: bigint,
  policy: EvidencePolicy = DEFAULT_EVIDENCE_POLICY,
  provider: Partial<EvidenceCrypto> = {},
): Verdict {
  const context = createContext(time, policy, provider)
  let bundle: DstackBundle
  try {
    bundle = parseDstackBundle(evidence)
  } catch (error) {
    return createVerdict('dstack', context, list =>
      list.check('bundle', [], () => {
        throw error
      }),
    )
  }
  const compose = collateral.get(APP_COMPOSE)
  if (compose) context.used[APP_COMPOSE] = compose
  const files = new Map([...collateral].filter(([name]) => name !== APP_COMPOSE))
  const input = { evidence: bundle.quote, files, tee: 'tdx' as const }
  const verdict = createQuoteVerdict(input, context, (list, established) =>
    checkBundle(list, bundle, compose, checkTd(list, established), context),
  )
  return { ...verdict, tee: 'dstack' }
}

/** The checks beyond those of the quote, whose facts they rest on. */
function checkBundle(
  list: Checklist,
  bundle: DstackBundle,
  compose: Uint8Array | undefined,
  quoted: Fact<Attested>,
  { crypto }: EvidenceContext,
): Fact<Attested> {
  const told = list.check('report-data', [quoted], ({ reportData }) => {
    const same = bundle.reportData === undefined || bundle.reportData === reportData
    demand(
      same,
      'wrong-binding',
      `the bundle says report data ${bundle.reportData?.slice(0, 128)}, the quote ${reportData}`,
    )
    return passed("the quote's")
  })
  const events = list.check('event-log', [quoted], ({ measurements }) => {
    const register = hex(replay(bundle.events, crypto.sha384))
    const same = register === measurements.rtmr3
    demand(same, 'wrong-binding', `the events give RTMR3 ${register}, the quote has ${measurements.rtmr3}`)
    return passed(`${bundle.events.length} events give RTMR3`, bundle.events)
  })
  const boot = list.check('boot-events', [events], readBootEvents)
  const app = list.check('app-compose', [quoted, boot], ({ measurements }, boot) =>
    checkCompose(boot, compose && hex(crypto.sha256(compose)), measurements.mrconfigid),
  )
  return combine([quoted, told, boot, app], (attested, _, boot) => ({
    ...attested,
    measurements: { ...attested.measurements, ...boot },
  }))
}

/**
 * What dstack recorded at boot: each event once, before the application could add its own. Where no event ends the
 * boot, as of early versions, only those count that dstack always recorded.
 */
function readBootEvents(events: RuntimeEvent[]): ReturnType<typeof passed<Record<string, string>>> {
  const end = events.findIndex(event => mayBe(event, END_OF_BOOT))
  const boot = end < 0 ? events : events.slice(0, end)
  const found: Record<string, string> = {}
  for (const [measurement, name] of Object.entries(BOOT_EVENTS)) {
    const [event, again] = boot.filter(event => mayBe(event, name))
    const required = REQUIRED.includes(name)
    demand(!again, 'wrong-binding', `${name} was recorded twice`)
    demand(event !== undefined || !required, 'wrong-binding', `${name} was not recorded at boot`)
    demand(event?.name === name || !event, 'wrong-binding', `${name} is given a longer name`)
    if (event && (required || end >= 0)) found[measurement] = hex(event.payload)
  }
  const told = end < 0 ? 'no event ends the boot: only compose-hash and app-id count' : 'before system-ready'
  return passed(`${Object.keys(found).join(', ')}, ${told}`, found)
}

/**
 * Version 1 hashes name and payload with a colon between them: what was recorded under a name can be told as one of a
 * longer name, a colon and the first bytes of its payload, and be no less the event of that digest.
 */
function mayBe(event: RuntimeEvent, name: string): boolean {
  return event.name === name || event.name.startsWith(`${name}:`)
}

/**
 * The application: SHA-256 of app-compose.json, as it is given. A quote whose MRCONFIGID is of dstack's first form, 1
 * and the hash, has to say the same; other forms hash it with more, which a bundle does not have.
 */
function checkCompose(
  { composeHash = '' }: Record<string, string>,
  given: string | undefined,
  mrconfigid = '',
): ReturnType<typeof passed> {
  demand(composeHash.length === 64, 'wrong-binding', 'compose-hash is no SHA-256')
  const same = given === undefined || given === composeHash
  demand(same, 'wrong-binding', `compose-hash is ${composeHash}, ${APP_COMPOSE} has ${given}`)
  const configured = mrconfigid.startsWith('01') ? mrconfigid.slice(2, 66) : composeHash
  demand(
    configured === composeHash,
    'wrong-binding',
    `compose-hash is ${composeHash}, MRCONFIGID has ${configured}`,
  )
  return passed(given ? `SHA-256 of ${APP_COMPOSE}` : `${composeHash}; ${APP_COMPOSE} was not given`)
}

function hex(bytes: Uint8Array): string {
  return toHex(bytes).slice(2)
}
