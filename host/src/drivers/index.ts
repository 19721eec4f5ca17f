import type { Driver, DriverName } from './driver.ts'
import { createDstackDriver } from './dstack.ts'
import { createNitroDriver } from './nitro.ts'
import { createQemuDriver } from './qemu.ts'
import { simulatedDriver } from './simulated.ts'
import { createSnpDriver } from './snp.ts'
import { createTdxDriver } from './tdx.ts'

/** The machine of an enclave, where it is one of its own: MiB, processors, and for TDX and SEV-SNP a firmware's file. */
export type MachineOptions = {
  memoryMb?: number | undefined
  cpus?: number | undefined
  firmware?: string | undefined
}

type Create = (options: { memoryMb?: number; cpus?: number; firmware?: string }) => Driver

const CREATE: Record<DriverName, Create> = {
  simulated: () => simulatedDriver,
  qemu: createQemuDriver,
  nitro: createNitroDriver,
  tdx: createTdxDriver,
  snp: createSnpDriver,
  dstack: () => createDstackDriver(),
}

/** What each driver reads of the options: what another is given is a mistake. */
export const MACHINE_OPTIONS: Readonly<Record<DriverName, readonly (keyof MachineOptions)[]>> = {
  simulated: [],
  qemu: ['memoryMb', 'cpus'],
  nitro: ['memoryMb', 'cpus'],
  tdx: ['memoryMb', 'cpus', 'firmware'],
  snp: ['memoryMb', 'cpus', 'firmware'],
  dstack: [],
}

/** The drivers of this build, as a configuration and `nacre doctor` call them. */
export const DRIVER_NAMES: readonly DriverName[] = Object.keys(CREATE) as DriverName[]

export function driverOf(name: DriverName, { memoryMb, cpus, firmware }: MachineOptions = {}): Driver {
  return CREATE[name]({
    ...(memoryMb !== undefined && { memoryMb }),
    ...(cpus !== undefined && { cpus }),
    ...(firmware !== undefined && { firmware }),
  })
}

/** Each with its defaults: what they are, what they need, and what they have left. */
export const DRIVERS: Readonly<Record<DriverName, Driver>> = Object.fromEntries(
  DRIVER_NAMES.map(name => [name, driverOf(name)]),
) as Record<DriverName, Driver>
