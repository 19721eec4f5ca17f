import type { Driver } from './driver.ts'
import { qemuDriver } from './qemu.ts'
import { simulatedDriver } from './simulated.ts'

/** The drivers of this build, by the name that a configuration and `nacre doctor` call them. */
export const DRIVERS = {
  simulated: simulatedDriver,
  qemu: qemuDriver,
} as const satisfies Record<string, Driver>
