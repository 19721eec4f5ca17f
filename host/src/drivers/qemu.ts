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

/**
 * A machine of its own from the measured image, on any Linux: the guest reaches nothing but its link, and what is
 * booted is what was measured. Its security module is software in this process: like the simulated driver it proves
 * nothing against whoever runs the machine.
 */
export const qemuDriver: Driver = {
  name: 'qemu',
  kind: 'simulated',
  assurance: 'simulated',
  probe: probeQemu,
  measure: async image => ({ kind: 'simulated', registers: (await readEif(image)).pcrs }),
  launch,
  sweep: ({ stateDir }) => createRecords('qemu', stateDir).sweep(),
}

/** The bytes that are measured are those that are booted, whatever the image's folder holds by then. */
async function launch(image: Image, options: LaunchOptions): Promise<RunningEnclave> {
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
    boot: async run => bootQemu(eif, run, { machine: await machineOf() }),
  })
}
