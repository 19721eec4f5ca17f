import { toHex } from '../bytes.ts'
import { parseJson } from '../shape.ts'
import type { Level, Rating } from './intelJson.ts'
import { parseWireTcbInfo, type WireIdentity, type WireLevel } from './tcbInfoJson.ts'

/**
 * What Intel says of the security versions of a family of machines (PCS API 4, "Get TCB Info", version 3; of SGX also
 * version 2, of API 3).
 */
export type TcbInfo = {
  tee: 'sgx' | 'tdx'
  /** Seconds since 1970. */
  issueDate: bigint
  nextUpdate: bigint
  /** Family of machines, and provisioning enclave; hex in lower case. */
  fmspc: string
  pceId: string
  /** Counts the evaluations that Intel makes when vulnerabilities became known. */
  evaluation: number
  /** From the highest to the lowest. */
  levels: PlatformLevel[]
  /** TDX: modules of major version 0, and those after it by id, such as TDX_01. */
  module: ModuleIdentity | undefined
  modules: (ModuleIdentity & { id: string; levels: Level[] })[]
}

/** The least versions of the CPU's 16 components, of the provisioning enclave, and of TDX's 16 (SGX: none). */
export type PlatformLevel = Rating & { sgxSvns: number[]; pceSvn: number; tdxSvns: number[] }

export type ModuleIdentity = { mrSigner: Uint8Array; attributes: Uint8Array; attributesMask: Uint8Array }

export const MAX_TCB_INFO = 262_144

/**
 * Parses the signed text of a TCB info; its signature is not checked.
 * @throws NacreError too-large, invalid-json, unsupported-version, missing-field, wrong-type
 */
export function parseTcbInfo(json: string, tee: TcbInfo['tee']): TcbInfo {
  const wire = parseWireTcbInfo(parseJson(json, MAX_TCB_INFO, 'TCB info'), tee)
  const { tdxModule, tdxModuleIdentities = [] } = wire
  return {
    tee,
    issueDate: wire.issueDate,
    nextUpdate: wire.nextUpdate,
    fmspc: toHex(wire.fmspc).slice(2),
    pceId: toHex(wire.pceId).slice(2),
    evaluation: wire.tcbEvaluationDataNumber,
    levels: sortLevels(wire.tcbLevels.map(toLevel)),
    module: tdxModule && toIdentity(tdxModule),
    modules: tdxModuleIdentities.map(identity => ({
      ...toIdentity(identity),
      id: identity.id,
      levels: identity.tcbLevels,
    })),
  }
}

function toLevel({ tcb, tcbStatus, advisoryIDs = [] }: WireLevel): PlatformLevel {
  return {
    sgxSvns: tcb.sgxtcbcomponents,
    pceSvn: tcb.pcesvn,
    tdxSvns: tcb.tdxtcbcomponents ?? [],
    status: tcbStatus,
    advisories: advisoryIDs,
  }
}

function toIdentity({ mrsigner, attributes, attributesMask }: WireIdentity): ModuleIdentity {
  return { mrSigner: mrsigner, attributes, attributesMask }
}

/** The order in which Intel's library tries them, whatever the order of the JSON: the CPU's, then the others, down. */
function sortLevels(levels: PlatformLevel[]): PlatformLevel[] {
  return levels.sort((a, b) => {
    const [first, second] = [a, b].map(level => [...level.sgxSvns, level.pceSvn, ...level.tdxSvns])
    const different = (first as number[]).findIndex((svn, i) => svn !== second?.[i])
    return different < 0 ? 0 : (second?.[different] as number) - (first?.[different] as number)
  })
}
