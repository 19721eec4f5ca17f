import { randomBytes } from 'node:crypto'
import { createModule } from '../nsm/module.ts'
import type { Driver, LaunchOptions, RunningEnclave } from './driver.ts'
import { readEif } from './eifFile.ts'
import { launchGuest } from './guest.ts'
import type { Image } from './image.ts'
import { machineOf, probeQemu } from './qemuProbe.ts'
import { bootQemu } from './qemuProcess.ts'
import { createRecords } from './records.ts'

/** Without KVM a boot takes seconds, and on a busy machine many. */
const DEADLINE_MS = 90_000

/** MiB, 1024 unless it is said, and processors, one. */
export type QemuOptions = { memoryMb?: number; cpus?: number }

/**
 * A machine of its own from the measured image, on any Linux: the guest reaches nothing but its link, and what is
 * booted is what was measured. Its security module is software in this process: like the simulated driver it proves
 * nothing against whoever runs the machine.
 */
export function createQemuDriver(size: QemuOptions = {}): Driver {
  return {
    name: 'qemu',
    kind: 'simulated',
    assurance: 'simulated',
    probe: probeQemu,
    measure: async image => ({ kind: 'simulated', registers: (await readEif(image)).pcrs }),
    launch: (image, options) => launchQemu(image, options, size),
    sweep: ({ stateDir }) => createRecords('qemu', stateDir).sweep(),
  }
}

export const qemuDriver: Driver = createQemuDriver()

/** The bytes that are measured are those that are booted, whatever the image's folder holds by then. */
async function launchQemu(image: Image, options: LaunchOptions, size: QemuOptions): Promise<RunningEnclave> {
  const { eif, pcrs } = await readEif(image)
  const securityModule = createModule({
    root: options.root,
    pcrs,
    moduleId: `simulated-qemu-${randomBytes(8).toString('hex')}`,
  })
  return launchGuest({
    driver: 'qemu',
    evidence: 'simulated',
    securityModule,
    options,
    deadlineMs: DEADLINE_MS,
    boot: async run => bootQemu(eif, run, { ...size, machine: await machineOf() }),
  })
}
