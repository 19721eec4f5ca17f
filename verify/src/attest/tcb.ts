import { demand } from './codes.ts'
import type { TcbStatus } from './evidencePolicy.ts'
import { type Level, type LevelStatus, levelOf, type Rating } from './intelJson.ts'
import type { Platform } from './pck.ts'
import type { ModuleIdentity, PlatformLevel, TcbInfo } from './tcbInfo.ts'

// How Intel rates a machine: "Intel TDX DCAP: Quote Generation Library and Quote Verification Library", section
// 4.1.2.4.17, as Intel's own SGX-TDX-DCAP-QuoteVerificationLibrary does it (Verifiers/Checks).

/** The rating of a machine as a whole, and of each of its parts. */
export type MachineRating = { status: TcbStatus; advisories: string[] }

/** The security versions of a TDX module, as in a TD report: its own, its major version, of the microcode, zeros. */
export type ModuleSvns = { launched: Uint8Array; current: Uint8Array | undefined }

/** Rates an SGX machine: the level of its CPU and provisioning enclave, and that of its quoting enclave. */
export function rateSgx(info: TcbInfo, platform: Platform, qe: Rating): MachineRating {
  const level = info.levels.find(level => reachesSgx(platform, level))
  demand(level !== undefined, 'unknown-tcb', "the CPU's versions reach none of Intel's levels")
  return merge(converge(level.status, qe.status), level, qe)
}

/**
 * Rates a TDX machine: the first level that CPU and TDX module both reach, then the module's own, the quoting
 * enclave's, and whether the module was updated since the TD started.
 */
export function rateTdx(info: TcbInfo, platform: Platform, qe: Rating, svns: ModuleSvns): MachineRating {
  const reached = info.levels.filter(level => reachesSgx(platform, level))
  const [sgx] = reached
  demand(sgx !== undefined, 'unknown-tcb', "the CPU's versions reach none of Intel's levels")
  const tdx = reached.find(level => reachesTdx(svns.launched, level))
  demand(tdx !== undefined, 'unknown-tcb', "the TDX module's versions reach none of Intel's levels")
  const module = rateModule(info, svns.launched)
  const status = converge(tdx.status, module.status)
  if (sgx.status === 'Revoked' || status === 'Revoked') return merge('Revoked', sgx, tdx, module, qe)
  const relaunch = svns.current && adviseRelaunch(info, svns.current, { sgx, qe, module, status })
  return merge(relaunch ?? converge(status, qe.status), tdx, module, qe)
}

/** Who may sign the TDX module: its identity by its major version. */
export function moduleOf(info: TcbInfo, svn: Uint8Array): ModuleIdentity & { levels?: Level[] } {
  const major = svn[1] as number
  if (major === 0) {
    demand(info.module !== undefined, 'bad-collateral', 'the TCB info describes no TDX module')
    return info.module
  }
  const id = `TDX_${major.toString(16).padStart(2, '0')}`
  const found = info.modules.find(module => module.id.toLowerCase() === id.toLowerCase())
  demand(found !== undefined, 'unknown-tcb', `Intel says nothing of TDX modules ${id}`)
  return found
}

/** A module of major version 0 is rated by the levels of the machine. */
function rateModule(info: TcbInfo, svn: Uint8Array): Rating {
  const { levels } = moduleOf(info, svn)
  if (levels === undefined) return { status: 'UpToDate', advisories: [] }
  const level = levelOf(levels, svn[0] as number)
  demand(level !== undefined, 'unknown-tcb', `Intel says nothing of TDX modules of version ${svn[0]}`)
  return level
}

/** Every component of the CPU, and the provisioning enclave, at least of the level's version. */
function reachesSgx({ sgxSvns, pceSvn }: Platform, level: PlatformLevel): boolean {
  return level.sgxSvns.every((svn, i) => (sgxSvns[i] as number) >= svn) && pceSvn >= level.pceSvn
}

/** The same of TDX. The first two are the module's own, which have levels of their own if its major version is not 0. */
function reachesTdx(svn: Uint8Array, level: PlatformLevel): boolean {
  const first = svn[1] === 0 ? 0 : 2
  return level.tdxSvns.every((least, i) => i < first || (svn[i] as number) >= least)
}

/** A status made worse by that of a part: one that is not up to date is out of date. */
function converge(status: LevelStatus, part: LevelStatus): LevelStatus {
  if (status === 'Revoked' || part === 'Revoked') return 'Revoked'
  if (part === 'UpToDate') return status
  return needsConfiguration(status) ? 'OutOfDateConfigurationNeeded' : 'OutOfDate'
}

/**
 * Whether the module alone made the TD out of date, and has been updated to Intel's latest since: then starting the
 * TD again mends it.
 */
function adviseRelaunch(
  info: TcbInfo,
  current: Uint8Array,
  rated: { sgx: Rating; qe: Rating; module: Rating; status: LevelStatus },
): MachineRating['status'] | undefined {
  const { sgx, qe, module, status } = rated
  if (qe.status !== 'UpToDate' || module.status !== 'OutOfDate') return undefined
  if (isOutOfDate(sgx.status) || !isOutOfDate(status)) return undefined
  const [latest] = info.levels
  const leastModule = moduleOf(info, current).levels?.[0]?.svn ?? latest?.tdxSvns[0]
  const leastMicrocode = latest?.tdxSvns[2]
  if ((current[0] as number) < (leastModule as number)) return undefined
  if ((current[2] as number) < (leastMicrocode as number)) return undefined
  const configuration = needsConfiguration(sgx.status) || needsConfiguration(status)
  return configuration ? 'TDRelaunchAdvisedConfigurationNeeded' : 'TDRelaunchAdvised'
}

function isOutOfDate(status: LevelStatus): boolean {
  return status === 'OutOfDate' || status === 'OutOfDateConfigurationNeeded'
}

function needsConfiguration(status: LevelStatus): boolean {
  return status.includes('Configuration')
}

function merge(status: TcbStatus, ...parts: Rating[]): MachineRating {
  return { status, advisories: [...new Set(parts.flatMap(part => part.advisories))] }
}
