import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { simulatedMeasurement } from '@nacre/verify'
import { serveNsm } from '../nsm/server.ts'
import type { Driver, LaunchOptions, Probe, RunningEnclave } from './driver.ts'
import type { Image } from './image.ts'
import { INSTALL_SANDBOX, launchProcess } from './launchProcess.ts'
import { createRecords } from './records.ts'
import { INSIDE, probeSandbox } from './sandbox.ts'

/**
 * The development driver: the image's own Node as a process in a bubblewrap sandbox without network, or, where that
 * does not work, as a plain process; its security module is software in this process. It proves the protocol and
 * nothing against whoever runs the machine.
 */
export const simulatedDriver: Driver = {
  name: 'simulated',
  kind: 'simulated',
  assurance: 'simulated',
  probe,
  measure: async image => simulatedMeasurement(image.manifest),
  launch,
  sweep: ({ stateDir }) => createRecords('simulated', stateDir).sweep(),
}

async function launch(image: Image, options: LaunchOptions): Promise<RunningEnclave> {
  const { root } = options
  return launchProcess(image, options, {
    driver: 'simulated',
    evidence: 'simulated',
    serveModule: (socket, moduleId) =>
      serveNsm({ socket, root, moduleId, pcrs: simulatedMeasurement(image.manifest).registers }),
  })
}

/** A program of the system's: no image is there yet. */
const TRUE = ['/usr/bin/true', '/bin/true'].find(path => existsSync(path)) ?? '/bin/true'

async function probe(): Promise<Probe> {
  const socketDir = await mkdtemp(join(tmpdir(), 'nacre-probe-'))
  try {
    const { ok, detail } = await probeSandbox({ imageDir: dirname(TRUE), socketDir }, [
      `${INSIDE.image}/true`,
    ])
    return ok
      ? { ok, detail }
      : { ok: true, detail: `${detail}; enclaves run as plain processes`, fix: INSTALL_SANDBOX }
  } finally {
    await rm(socketDir, { recursive: true, force: true })
  }
}
