import { NacreError } from '../errors.ts'
import { integerOf, oneOf, type Parser, textOf, versionOf } from '../shape.ts'
import {
  advisoryField,
  type Level,
  type LevelStatus,
  levelsOf,
  plainHexOf,
  ratingFields,
  signedObjectOf,
  someOf,
  timeOf,
} from './intelJson.ts'

// The wire form of TCB info: version 3 of SGX and TDX, and version 2, which was of SGX alone.

/** What all of them say; a level of TDX has `tdxtcbcomponents`, and its TCB info the module's identities. */
export type WireTcbInfo = {
  issueDate: bigint
  nextUpdate: bigint
  fmspc: Uint8Array
  pceId: Uint8Array
  tcbEvaluationDataNumber: number
  tcbLevels: WireLevel[]
  tdxModule?: WireIdentity
  tdxModuleIdentities?: (WireIdentity & { id: string; tcbLevels: Level[] })[]
}

export type WireLevel = {
  tcb: { sgxtcbcomponents: number[]; pcesvn: number; tdxtcbcomponents?: number[] }
  tcbStatus: LevelStatus
  advisoryIDs?: string[]
}

export type WireIdentity = { mrsigner: Uint8Array; attributes: Uint8Array; attributesMask: Uint8Array }

const componentsOf: Parser<number[]> = (value, path) => {
  const components = someOf(signedObjectOf({ svn: integerOf(0, 255) }), 16)(value, path)
  if (components.length === 16) return components.map(({ svn }) => svn)
  throw new NacreError('wrong-type', `${path} must have 16 entries`)
}

const identityFields = {
  mrsigner: plainHexOf(48),
  attributes: plainHexOf(8),
  attributesMask: plainHexOf(8),
}

const commonFields = {
  issueDate: timeOf,
  nextUpdate: timeOf,
  fmspc: plainHexOf(6),
  pceId: plainHexOf(2),
  // How versions are compared; there is one way.
  tcbType: versionOf(0),
  tcbEvaluationDataNumber: integerOf(0, 2 ** 31),
}

const sgxLevel = signedObjectOf(
  {
    tcb: signedObjectOf({ sgxtcbcomponents: componentsOf, pcesvn: integerOf(0, 65_535) }),
    ...ratingFields,
  },
  advisoryField,
)
const tdxLevel = signedObjectOf(
  {
    tcb: signedObjectOf({
      sgxtcbcomponents: componentsOf,
      pcesvn: integerOf(0, 65_535),
      tdxtcbcomponents: componentsOf,
    }),
    ...ratingFields,
  },
  advisoryField,
)

const names = Array.from({ length: 16 }, (_, i) => `sgxtcbcomp${String(i + 1).padStart(2, '0')}svn`)
const oldTcb = signedObjectOf<Record<string, number>>(
  Object.fromEntries([...names.map(name => [name, integerOf(0, 255)]), ['pcesvn', integerOf(0, 65_535)]]),
)
/** Version 2 has a field for each component. */
const oldLevel: Parser<WireLevel> = (value, path) => {
  const { tcb, ...rating } = signedObjectOf({ tcb: oldTcb, ...ratingFields }, advisoryField)(value, path)
  const sgxtcbcomponents = names.map(name => tcb[name] as number)
  return { ...rating, tcb: { sgxtcbcomponents, pcesvn: tcb.pcesvn as number } }
}

const oldShape: Parser<WireTcbInfo> = signedObjectOf({
  ...commonFields,
  version: versionOf(2),
  tcbLevels: someOf(oldLevel, 256),
})
const sgxShape: Parser<WireTcbInfo> = signedObjectOf({
  ...commonFields,
  version: versionOf(3),
  id: oneOf('SGX'),
  tcbLevels: someOf(sgxLevel, 256),
})
const tdxIdentities = someOf(signedObjectOf({ ...identityFields, id: textOf(16), tcbLevels: levelsOf }), 64)
const tdxShape: Parser<WireTcbInfo> = signedObjectOf<
  Required<Omit<WireTcbInfo, 'tdxModuleIdentities'>> & { version: 3; id: 'TDX'; tcbType: 0 },
  Required<Pick<WireTcbInfo, 'tdxModuleIdentities'>>
>(
  {
    ...commonFields,
    version: versionOf(3),
    id: oneOf('TDX'),
    tcbLevels: someOf(tdxLevel, 256),
    tdxModule: signedObjectOf(identityFields),
  },
  { tdxModuleIdentities: tdxIdentities },
)

/** Parses the value of a TCB info. @throws NacreError unsupported-version, missing-field, wrong-type, too-large */
export function parseWireTcbInfo(value: unknown, tee: 'sgx' | 'tdx'): WireTcbInfo {
  const isOld = (value as { version?: unknown } | null)?.version === 2
  const shape = tee === 'tdx' ? tdxShape : isOld ? oldShape : sgxShape
  return shape(value, 'tcbInfo')
}
