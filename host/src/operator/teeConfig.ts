import type { TeeKind } from '@nacre/verify'
import type { DriverName } from '../drivers/driver.ts'
import { MACHINE_OPTIONS, type MachineOptions } from '../drivers/index.ts'
import { isVouched, type Verifiers } from './vouched.ts'

export type TeeConfig = { verifiers?: string[] | undefined; collateralDir?: string | undefined }

type Issue = { path: ['tee', keyof TeeConfig | keyof MachineOptions]; message: string }

/** VerifierEnclave.QUORUM: of two operators, as one can start any number of enclaves. */
const QUORUM = 2

/** What is wrong with who is to judge the evidence of a driver's kind. What is named and never asked is wrong, too. */
export function teeIssues(kind: TeeKind, tee: TeeConfig): Issue[] {
  if (!isVouched(kind))
    return (['verifiers', 'collateralDir'] as const).flatMap(field => unused(kind, tee, field))
  const hosts = new Set((tee.verifiers ?? []).map(url => new URL(url).host))
  const few: Issue = {
    path: ['tee', 'verifiers'],
    message: `no contract verifies evidence of kind ${kind} by itself: name ${QUORUM} operators of verifier enclaves or more, which vouch for it, at different addresses`,
  }
  const missing: Issue = {
    path: ['tee', 'collateralDir'],
    message: `verifier enclaves judge evidence of kind ${kind} by what its vendor publishes: name the folder that nacre attestation collateral fetch fills`,
  }
  return [...(hosts.size < QUORUM ? [few] : []), ...(tee.collateralDir === undefined ? [missing] : [])]
}

/** What a driver is told of a machine that it does not make. */
export function machineIssues({ driver, ...tee }: MachineOptions & { driver: DriverName }): Issue[] {
  const read = MACHINE_OPTIONS[driver]
  return (['memoryMb', 'cpus', 'firmware'] as const)
    .filter(field => tee[field] !== undefined && !read.includes(field))
    .map(field => ({ path: ['tee', field], message: `is not used by the driver ${driver}` }))
}

/** Those of a configuration, which names both or neither. */
export function verifiersOf({ tee }: { tee: TeeConfig }): Verifiers | undefined {
  const { verifiers: urls, collateralDir } = tee
  return urls === undefined || collateralDir === undefined ? undefined : { urls, collateralDir }
}

function unused(kind: TeeKind, tee: TeeConfig, field: keyof TeeConfig): Issue[] {
  if (tee[field] === undefined) return []
  return [
    { path: ['tee', field], message: `is not used: a contract verifies evidence of kind ${kind} by itself` },
  ]
}
