import { describe, expect, test } from 'vitest'
import {
  bootEvents,
  createDstackAuthority,
  type DstackOptions,
  MOCK_COMPOSE,
} from '../../../test/mock-authority/index.ts'
import {
  concat,
  type EvidencePolicy,
  fromHex,
  isNotValid,
  sha256,
  utf8,
  type Verdict,
  verifyDstack,
  verifyTdx,
} from '../index.ts'

const TIME = 1_790_000_000n
const authority = createDstackAuthority('dstack mock')
const HASH = sha256(MOCK_COMPOSE).slice(2)

type Files = (files: Map<string, Uint8Array>) => void

function verify(
  options: Partial<DstackOptions> = {},
  more: Partial<EvidencePolicy> = {},
  change: Files = () => {},
): Verdict {
  const { bundle, files, pin } = authority.issue({ time: TIME, ...options })
  change(files)
  return verifyDstack(bundle, files, TIME, { version: 1, roots: [pin], ...more })
}

const events = bootEvents(MOCK_COMPOSE)
const without = (...names: string[]) => events.filter(({ name }) => !names.includes(name))
/** MRCONFIGID of dstack's first form. */
const configured = (hash: string): Partial<DstackOptions> => ({
  quote: { td: { mrConfigId: concat(Uint8Array.of(1), fromHex(`0x${hash}`)) } },
})

describe('valid bundles', () => {
  const cases: [string, Partial<DstackOptions>][] = [
    ['as dstack writes them', {}],
    ['with the log as JSON', { asJson: true }],
    ['without digests', { stripped: true }],
    ['with events of version 2', { events: bootEvents(MOCK_COMPOSE, 2) }],
    [
      'with events of version 2, without digests and preimages',
      {
        events: bootEvents(MOCK_COMPOSE, 2),
        stripped: true,
        changeEvents: log => {
          for (const event of log) delete event.preimage
        },
      },
    ],
    ['with the hash in MRCONFIGID', configured(HASH)],
    ['with MRCONFIGID of another form', { quote: { td: { mrConfigId: Uint8Array.of(2, 1) } } }],
    ['without report data beside the quote', { change: json => delete json.report_data }],
    ['with members that are not known', { change: json => Object.assign(json, { later: 1 }) }],
    [
      'with upper case and prefixes',
      { change: json => Object.assign(json, { quote: `0x${json.quote.toUpperCase()}` }) },
    ],
  ]
  test.each(cases)('%s', (_, options) => {
    const verdict = verify(options)
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(verdict).toMatchObject({
      tee: 'dstack',
      ok: true,
      code: 'ok',
      pinned: false,
      tcbStatus: 'UpToDate',
    })
  })

  test('the verdict has the measurements of the quote, and what was recorded at boot', () => {
    const { bundle, files, pin } = authority.issue({ time: TIME })
    const { quote } = JSON.parse(new TextDecoder().decode(bundle))
    const quoted = verifyTdx(fromHex(`0x${quote}`), files, TIME, { version: 1, roots: [pin] })
    const verdict = verify()
    expect(verdict.reportData).toBe('da'.repeat(64))
    expect(verdict.measurements).toEqual({
      ...quoted.measurements,
      composeHash: HASH,
      appId: HASH.slice(0, 40),
      instanceId: '07'.repeat(20),
      osImageHash: '08'.repeat(32),
      keyProvider: Array.from(utf8('{"name":"kms","id":""}'), byte => byte.toString(16)).join(''),
    })
    expect(verdict.collateralDigest).not.toBe(quoted.collateralDigest)
  })

  test('without the application its hash is told, and a policy can name it', () => {
    const absent: Files = files => files.delete('app-compose.json')
    const short = events.with(2, { name: 'compose-hash', payload: new Uint8Array(31) })
    expect(verify({ events: short }, {}, absent).code).toBe('wrong-binding')
    const app = verify({}, {}, absent).checks.find(({ name }) => name === 'app-compose')
    expect(app).toMatchObject({ ok: true, detail: `${HASH}; app-compose.json was not given` })
    expect(verify({}, { measurements: [{ composeHash: HASH, rtmr0: '00'.repeat(48) }] }, absent).code).toBe(
      'ok',
    )
    expect(verify({}, { measurements: [{ composeHash: '09'.repeat(32) }] }).code).toBe(
      'measurement-not-accepted',
    )
  })

  test('where no event ends the boot, what dstack did not always record is not told', () => {
    const { ok, measurements } = verify({ events: without('system-ready').slice(0, -1) })
    expect(ok).toBe(true)
    expect(measurements).toMatchObject({ composeHash: HASH, appId: HASH.slice(0, 40) })
    expect(Object.keys(measurements)).not.toContain('osImageHash')
  })
})

describe('what is broken has its code, and the check that finds it', () => {
  const set =
    (at: number, fields: object): NonNullable<DstackOptions['changeEvents']> =>
    log =>
      Object.assign(log[at], fields)
  const cases: [string, Partial<DstackOptions>, string, string][] = [
    ['no JSON', { bytes: () => utf8('{') }, 'malformed', 'bundle'],
    ['no text', { bytes: () => Uint8Array.of(0xff) }, 'malformed', 'bundle'],
    ['nothing', { bytes: () => new Uint8Array(0) }, 'malformed', 'bundle'],
    ['a list', { bytes: () => utf8('[]') }, 'malformed', 'bundle'],
    ['larger than any', { bytes: () => new Uint8Array(1_048_577) }, 'too-large', 'bundle'],
    ['no quote', { change: json => delete json.quote }, 'malformed', 'bundle'],
    [
      'a quote that is no hex',
      { change: json => Object.assign(json, { quote: 'xyz' }) },
      'malformed',
      'bundle',
    ],
    ['no log', { change: json => delete json.event_log }, 'malformed', 'bundle'],
    [
      'a log that is no list',
      { change: json => Object.assign(json, { event_log: '{}' }) },
      'malformed',
      'bundle',
    ],
    [
      'a log of too many',
      { change: json => Object.assign(json, { event_log: Array(4097).fill({ imr: 0 }) }) },
      'malformed',
      'bundle',
    ],
    ['an event of no register', { changeEvents: set(1, { imr: 4 }) }, 'malformed', 'bundle'],
    ['an event without a name', { changeEvents: set(1, { event: null }) }, 'malformed', 'bundle'],
    ['a payload that is no hex', { changeEvents: set(1, { event_payload: '0' }) }, 'malformed', 'bundle'],
    ['an event of the firmware in register 3', { changeEvents: set(0, { imr: 3 }) }, 'unsupported', 'bundle'],
    ['an event of version 3', { changeEvents: set(1, { version: 3 }) }, 'unsupported', 'bundle'],
    [
      'an event as of another version',
      { changeEvents: set(1, { version: 2 }) },
      'wrong-binding',
      'event-log',
    ],
    [
      'another preimage',
      { events: bootEvents(MOCK_COMPOSE, 2), changeEvents: set(1, { preimage: '00' }) },
      'wrong-binding',
      'bundle',
    ],
    ['another digest', { changeEvents: set(2, { digest: '22'.repeat(48) }) }, 'wrong-binding', 'event-log'],
    [
      'another payload under the digest of the first',
      { changeEvents: set(3, { event_payload: '22'.repeat(32) }) },
      'wrong-binding',
      'event-log',
    ],
    [
      'another payload without a digest',
      { stripped: true, changeEvents: set(3, { event_payload: '22'.repeat(32) }) },
      'wrong-binding',
      'event-log',
    ],
    [
      'another name',
      { stripped: true, changeEvents: set(2, { event: 'app-ie' }) },
      'wrong-binding',
      'event-log',
    ],
    ['an event left out', { changeEvents: log => log.splice(5, 1) }, 'wrong-binding', 'event-log'],
    ['an event added', { changeEvents: log => log.push(log[1]) }, 'wrong-binding', 'event-log'],
    [
      'events in another order',
      { changeEvents: log => log.splice(2, 2, log[3], log[2]) },
      'wrong-binding',
      'event-log',
    ],
    [
      'no event at all, where the quote has some',
      { changeEvents: log => log.splice(0) },
      'wrong-binding',
      'event-log',
    ],
    ['nothing recorded', { events: [] }, 'wrong-binding', 'boot-events'],
    ['no compose-hash at boot', { events: without('compose-hash') }, 'wrong-binding', 'boot-events'],
    ['compose-hash after the boot alone', { events: events.toSpliced(2, 1) }, 'wrong-binding', 'boot-events'],
    ['no app-id', { events: without('app-id') }, 'wrong-binding', 'boot-events'],
    [
      'compose-hash twice at boot',
      { events: events.toSpliced(3, 0, events[7]!) },
      'wrong-binding',
      'boot-events',
    ],
    [
      'compose-hash twice, and no end of the boot',
      { events: without('system-ready') },
      'wrong-binding',
      'boot-events',
    ],
    [
      'a compose-hash of 31 bytes',
      { events: events.with(2, { name: 'compose-hash', payload: new Uint8Array(31) }) },
      'wrong-binding',
      'app-compose',
    ],
    ['another application', { events: bootEvents(utf8('{}')) }, 'wrong-binding', 'app-compose'],
    ['another hash in MRCONFIGID', configured('11'.repeat(32)), 'wrong-binding', 'app-compose'],
    [
      'other report data than the quote has',
      { change: json => Object.assign(json, { report_data: '00' }) },
      'wrong-binding',
      'report-data',
    ],
    [
      'a quote with a changed register',
      { change: json => Object.assign(json, { quote: json.quote.replace(/dadada/, 'dadadb') }) },
      'bad-signature',
      'signature',
    ],
    [
      'a quote that is cut short',
      { change: json => Object.assign(json, { quote: json.quote.slice(0, 2000) }) },
      'malformed',
      'format',
    ],
  ]
  test.each(cases)('%s', (_, options, code, check) => {
    const verdict = verify(options)
    expect(verdict.code).toBe(code)
    const [first] = verdict.checks.filter(({ ok, detail }) => !ok && !detail.startsWith('not established'))
    expect(first?.name).toBe(check)
    expect(isNotValid(verdict.code)).toBe(true)
    expect(verdict).toMatchObject({ tee: 'dstack', ok: false, measurements: {}, reportData: null })
  })

  test('an event of boot cannot be hidden behind a longer name that gives the same digest', () => {
    // Version 1 hashes name and payload with a colon between them: a compose-hash that begins with one can be read as
    // an event `compose-hash:`, and what the application recorded later as the only compose-hash.
    const own = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 0x3a : 5))
    const recorded = [
      { name: 'app-id', payload: new Uint8Array(20) },
      { name: 'compose-hash', payload: own },
      { name: 'compose-hash', payload: fromHex(`0x${HASH}`) },
    ]
    const hide = { event: 'compose-hash:', event_payload: '05'.repeat(31) }
    const hidden: Partial<DstackOptions> = { events: recorded, changeEvents: set(2, hide) }
    const verdict = verify(hidden)
    expect(verdict).toMatchObject({ ok: false, code: 'wrong-binding' })
    expect(verdict.checks.find(({ ok }) => !ok)?.name).toBe('boot-events')
    const alone = verify({ events: recorded.slice(0, 2), changeEvents: set(2, hide) }, {}, all =>
      all.delete('app-compose.json'),
    )
    expect(alone.code).toBe('wrong-binding')
  })

  test('names of the application’s own events may have colons', () => {
    const named = events.with(7, { name: 'app:started', payload: utf8('a:b') })
    expect(verify({ events: named }).code).toBe('ok')
  })

  test('no detail repeats all that a bundle claims', () => {
    const verdict = verify({ change: json => Object.assign(json, { report_data: 'ab'.repeat(400_000) }) })
    expect(verdict.code).toBe('wrong-binding')
    expect(JSON.stringify(verdict.checks).length).toBeLessThan(10_000)
  })

  test('without Intel’s collateral no bundle is valid, and none of another root', () => {
    const { bundle, files } = authority.issue({ time: TIME })
    expect(verify({}, {}, all => all.clear()).code).toBe('missing-collateral')
    expect(verifyDstack(bundle, files, TIME).code).toBe('untrusted-root')
  })

  test('debug is refused by default', () => {
    const debug: Partial<DstackOptions> = { quote: { td: { tdAttributes: Uint8Array.of(1) } } }
    expect(verify(debug).code).toBe('debug-refused')
    expect(verify(debug, { debug: true })).toMatchObject({ ok: true, debug: true })
  })
})
