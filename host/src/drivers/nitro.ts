import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Driver, Exit, LaunchOptions, RunningEnclave } from './driver.ts'
import { eifPathOf, readEif } from './eifFile.ts'
import { type Boot, launchGuest, type Machine } from './guest.ts'
import type { Image } from './image.ts'
import { describeEnclaves, endEnclave, runEnclave } from './nitroCli.ts'
import { connectVsock } from './nitroLink.ts'
import { probeNitro } from './nitroProbe.ts'
import { createRecords } from './records.ts'

export type NitroOptions = {
  /** At least, MiB; an image may need more. */
  memoryMb?: number
  /** Of the instance, taken from it: on one with hyper-threading whole cores, which are two. */
  cpus?: number
  /** How often it is looked whether the enclave is still there. */
  pollMs?: number
  /** Where the system's files are; for tests. */
  root?: string
}

/** Memory is taken from the instance in huge pages, which takes seconds. */
const DEADLINE_MS = 90_000
const MEMORY_MB = 1024
/** nitro-cli refuses less: the image is in the enclave's memory twice while it starts, and it has to start. */
const MEMORY_PER_IMAGE = 4
const MIB = 2 ** 20

/** AWS Nitro Enclaves: nitro-cli boots the release's image file, the hypervisor measures and attests it. */
export function createNitroDriver(options: NitroOptions = {}): Driver {
  return {
    name: 'nitro',
    kind: 'nitro',
    assurance: 'tee',
    probe: () => probeNitro(options.root),
    measure: async image => ({ kind: 'nitro', registers: (await readEif(image)).pcrs }),
    launch: (image, launch) => launchNitro(image, launch, options),
    sweep: ({ stateDir }) => createRecords('nitro', stateDir).sweep(endEnclave),
  }
}

async function launchNitro(
  image: Image,
  options: LaunchOptions,
  { memoryMb = MEMORY_MB, cpus = 2, pollMs = 5000 }: NitroOptions,
): Promise<RunningEnclave> {
  const eif = eifPathOf(image)
  const needed = memoryOf((await stat(eif)).size)
  return launchGuest({
    driver: 'nitro',
    evidence: 'nitro',
    options,
    deadlineMs: DEADLINE_MS,
    boot: run => bootNitro(run, { eif, memoryMb: Math.max(memoryMb, needed), cpus, pollMs }),
  })
}

/** MiB that nitro-cli asks for an image file of so many bytes. */
export function memoryOf(size: number): number {
  return Math.ceil((MEMORY_PER_IMAGE * size) / MIB)
}

type Start = { eif: string; memoryMb: number; cpus: number; pollMs: number }

/** The name is ours and known before the enclave is: by it, it is found and ended, whenever this process is killed. */
async function bootNitro(run: Boot, { pollMs, ...start }: Start): Promise<Machine> {
  const { console, left, record, defer, signal } = run
  const handle = `nacre-${run.name}`
  record({ pids: [], handle })
  defer(() => endEnclave(handle))
  console.write(`nitro: ${start.memoryMb} MiB of memory and ${start.cpus} CPUs`)
  const enclave = await runEnclave(
    { ...start, name: handle },
    { timeoutMs: left(), signal, onProcess: pid => record({ pids: [pid], handle }) },
    // Again: a launch that is given up ends what is there by then, and that may not have been it.
  ).finally(() => defer(() => endEnclave(handle)))
  record({ pids: [], handle })
  const { link, pid, exited, stop } = await connectVsock(enclave.cid, { left, console })
  record({ pids: [pid], handle })
  const gone = untilGone(enclave.id, exited, pollMs)
  return { link, pid: enclave.process, exited: gone, stop }
}

/** Its link ends with it; and where that does not tell, nitro-cli no longer knows of it. A call that fails says nothing. */
async function untilGone(id: string, unlinked: Promise<Exit>, pollMs: number): Promise<Exit> {
  let ended = false
  const look = async (): Promise<Exit> => {
    while (!ended) {
      await sleep(pollMs, undefined, { ref: false })
      const enclaves = await describeEnclaves().catch(() => undefined)
      if (enclaves?.every(enclave => enclave.id !== id)) break
    }
    return { code: null, signal: null }
  }
  return await Promise.race([unlinked, look()]).finally(() => {
    ended = true
  })
}
