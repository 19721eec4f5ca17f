import { concat, fromHex, sha256, sha384, toHex, utf8 } from '@nacre/verify'
import { createDcapAuthority, type DcapOptions } from './dcap.ts'

/** An event of register 3 as the guest records it; `version` 2 is of JSON. */
export type MockEvent = { name: string; payload: Uint8Array; version?: 1 | 2 }

/** The JSON of a bundle, to change after the quote was made. */
// biome-ignore lint/suspicious/noExplicitAny: tests reach into it
type Change = (json: any) => void

export type DstackOptions = {
  /** Seconds: everything is valid then. */
  time: bigint
  /** What the guest runs; `app-compose.json` of the collateral. */
  compose?: Uint8Array
  /** What the guest recorded in register 3; what dstack does where it is not given. */
  events?: MockEvent[]
  /** Digests left out, as dstack does to save space. */
  stripped?: boolean
  /** The log as JSON instead of as a text of it. */
  asJson?: boolean
  quote?: Partial<DcapOptions>
  change?: Change
  changeEvents?: Change
  bytes?: (bundle: Uint8Array) => Uint8Array
}

/** A machine of dstack's: bundles, Intel's collateral for their quotes, and the application. */
export type DstackAuthority = {
  issue(options: DstackOptions): { bundle: Uint8Array; files: Map<string, Uint8Array>; pin: string }
}

export const MOCK_COMPOSE: Uint8Array = utf8('{"runner":"docker-compose"}')
const RUNTIME_EVENT = 0x08000001

/** The same options give the same bytes. */
export function createDstackAuthority(seed: string): DstackAuthority {
  const intel = createDcapAuthority(seed)
  return {
    issue(options) {
      const {
        time,
        compose = MOCK_COMPOSE,
        events = bootEvents(compose),
        stripped = false,
        asJson = false,
      } = options
      const { quote: changes, change = () => {}, changeEvents = () => {}, bytes = same } = options
      const rtmr3 = events
        .map(preimageOf)
        .reduce((old, preimage) => sha384(concat(old, sha384(preimage))), new Uint8Array(48))
      const reportData = new Uint8Array(64).fill(0xda)
      const { td, ...rest } = changes ?? {}
      const rtmr = [new Uint8Array(48), new Uint8Array(48), new Uint8Array(48), rtmr3]
      const { quote, files, pin } = intel.issue({
        time,
        tee: 'tdx',
        td: { rtmr, reportData, ...td },
        ...rest,
      })
      const log = [{ ...FIRMWARE_EVENT }, ...events.map(event => jsonOf(event, stripped))]
      changeEvents(log)
      const json = {
        quote: hex(quote),
        event_log: asJson ? log : JSON.stringify(log),
        report_data: hex(reportData),
        vm_config: '{}',
      }
      change(json)
      const bundle = bytes(utf8(JSON.stringify(json)))
      return { bundle, files: new Map([...files, ['app-compose.json', compose]]), pin }
    },
  }
}

/** What dstack records at boot, and an event of the application's. */
export function bootEvents(compose: Uint8Array, version: 1 | 2 = 1): MockEvent[] {
  const hash = fromHex(sha256(compose))
  const events: [string, Uint8Array][] = [
    ['system-preparing', new Uint8Array(0)],
    ['app-id', hash.subarray(0, 20)],
    ['compose-hash', hash],
    ['instance-id', new Uint8Array(20).fill(7)],
    ['os-image-hash', new Uint8Array(32).fill(8)],
    ['key-provider', utf8('{"name":"kms","id":""}')],
    ['system-ready', new Uint8Array(0)],
    ['compose-hash', new Uint8Array(32).fill(9)],
  ]
  return events.map(([name, payload]) => ({ name, payload, version }))
}

/** Of the firmware, in another register. */
const FIRMWARE_EVENT = {
  imr: 0,
  event_type: 0x80000001,
  digest: '11'.repeat(48),
  event: '',
  event_payload: '',
}

function jsonOf(event: MockEvent, stripped: boolean): object {
  const { name, payload, version = 1 } = event
  const digest = stripped ? '' : hex(sha384(preimageOf(event)))
  const later = version === 2 ? { version, preimage: hex(preimageOf(event)) } : {}
  return { imr: 3, event_type: RUNTIME_EVENT, digest, event: name, event_payload: hex(payload), ...later }
}

function preimageOf({ name, payload, version = 1 }: MockEvent): Uint8Array {
  if (version === 2)
    return utf8(`{"name":${JSON.stringify(name)},"payload":"${hex(payload)}","type":${RUNTIME_EVENT}}`)
  return concat(Uint8Array.of(1, 0, 0, 8), utf8(`:${name}:`), payload)
}

function hex(bytes: Uint8Array): string {
  return toHex(bytes).slice(2)
}

const same = (bytes: Uint8Array): Uint8Array => bytes
