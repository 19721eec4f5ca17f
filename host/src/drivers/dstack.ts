import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { messageOf } from '@nacre/verify'
import type { Driver, LaunchOptions, Probe, RunningEnclave } from './driver.ts'
import { askDstack } from './dstackInfo.ts'
import { DriverError } from './errors.ts'
import type { Image } from './image.ts'
import { launchProcess } from './launchProcess.ts'
import { createRecords } from './records.ts'

export type DstackOptions = {
  /** Of dstack's guest agent; default: DSTACK_SIMULATOR_ENDPOINT, or where dstack has it. */
  socket?: string
}

/** Where dstack has it, and where the enclave's program looks (enclave/src/attest/provider.ts). */
const SOCKET = '/var/run/dstack.sock'
const MOUNT =
  'Run the agent inside a dstack CVM, its compose file with the volume /var/run/dstack.sock:/var/run/dstack.sock.'

/**
 * For an agent that itself runs inside a confidential machine of dstack's: the enclave is a process beside it, and
 * its evidence a TDX quote of the whole machine with the log of what runs in it, the agent included.
 */
export function createDstackDriver(options: DstackOptions = {}): Driver {
  const socketOf = () => options.socket ?? (process.env.DSTACK_SIMULATOR_ENDPOINT || SOCKET)
  return {
    name: 'dstack',
    kind: 'tdx',
    assurance: 'tee',
    probe: () => probe(socketOf()),
    async measure() {
      const reason = 'what dstack measures is the whole machine, its compose file included'
      throw new DriverError('not-measurable', reason)
    },
    launch: (image, launch) => launchDstack(image, launch, socketOf()),
    sweep: ({ stateDir }) => createRecords('dstack', stateDir).sweep(),
  }
}

async function launchDstack(image: Image, options: LaunchOptions, socket: string): Promise<RunningEnclave> {
  const reason = wrong(socket)
  if (reason !== undefined) throw new DriverError('launch-failed', `${reason}. ${MOUNT}`)
  return launchProcess(image, options, {
    driver: 'dstack',
    evidence: 'dstack',
    shared: { [SOCKET]: socket },
  })
}

async function probe(socket: string): Promise<Probe> {
  const reason = wrong(socket)
  if (reason !== undefined) return { ok: false, detail: reason, fix: MOUNT }
  try {
    const { appId, appName } = await askDstack(socket)
    return { ok: true, detail: `dstack's guest agent answers for the app ${appName} (${appId})` }
  } catch (error) {
    const detail = `dstack's guest agent at ${socket} does not answer: ${messageOf(error)}`
    return { ok: false, detail, fix: 'See the log of dstack-guest-agent in the CVM.' }
  }
}

/** An enclave has no network: its way to the guest agent is a file. */
function wrong(socket: string): string | undefined {
  if (!isAbsolute(socket)) return `${socket} is no path of a Unix socket`
  return existsSync(socket) ? undefined : `no ${socket}`
}
