import { existsSync } from 'node:fs'
import type { Driver, LaunchOptions, Probe, RunningEnclave } from './driver.ts'
import { readEif } from './eifFile.ts'
import { DriverError } from './errors.ts'
import { launchGuest } from './guest.ts'
import type { Image } from './image.ts'
import { type Need, probeAll } from './probe.ts'
import { bootQemu } from './qemuProcess.ts'
import { createRecords } from './records.ts'

export type ConfidentialOptions = {
  /** File of the firmware that the machine starts with; default: the variable's, or the first known one that is there. */
  firmware?: string
  /** MiB; default 2048. */
  memoryMb?: number
  cpus?: number
  /** Where the system's files are; for tests. */
  root?: string
}

/** What differs between processors that keep a machine's memory from its host. */
export type ConfidentialKind = {
  name: 'tdx' | 'snp'
  title: string
  /** Where distributions have firmware for it, and the variable of the environment that names another. */
  firmware: { files: readonly string[]; variable: string; fix: string }
  /** QEMU's arguments. */
  machine(options: { memoryMb: number; root: string }): string[]
  needs(root: string): Need[]
}

const MEMORY_MB = 2048
const DEADLINE_MS = 90_000

/**
 * Boots the image's kernel and ramdisks in a machine that the processor encrypts, measures and attests. It measures
 * firmware and shape of the machine too: what comes out is known from evidence, not from the image.
 */
export function createConfidentialDriver(kind: ConfidentialKind, options: ConfidentialOptions): Driver {
  const { name, title } = kind
  const { root = '/' } = options
  return {
    name,
    kind: name,
    assurance: 'tee',
    probe: () => probeAll([...kind.needs(root), () => probeFirmware(kind, options)]),
    async measure() {
      const reason = `what ${title} measures depends on firmware and shape of the machine too`
      throw new DriverError('not-measurable', reason)
    },
    launch: (image, launch) => launchConfidential(kind, image, launch, { ...options, root }),
    sweep: ({ stateDir }) => createRecords(name, stateDir).sweep(),
  }
}

async function launchConfidential(
  kind: ConfidentialKind,
  image: Image,
  launch: LaunchOptions,
  { memoryMb = MEMORY_MB, cpus = 1, root, ...options }: ConfidentialOptions & { root: string },
): Promise<RunningEnclave> {
  const firmware = firmwareOf(kind, options)
  if (firmware === undefined) {
    const { detail, fix } = probeFirmware(kind, options)
    throw new DriverError('launch-failed', `${detail}: ${fix}`)
  }
  const { eif } = await readEif(image)
  const machine = [...kind.machine({ memoryMb, root }), '-bios', firmware]
  return launchGuest({
    driver: kind.name,
    evidence: kind.name,
    options: launch,
    deadlineMs: DEADLINE_MS,
    boot: run => bootQemu(eif, run, { machine, memoryMb, cpus }),
  })
}

type Firmware = Pick<ConfidentialOptions, 'firmware'>

function firmwareOf(
  { firmware: { files, variable } }: ConfidentialKind,
  { firmware }: Firmware,
): string | undefined {
  const named = firmware ?? process.env[variable]
  return (named === undefined ? files : [named]).find(file => existsSync(file))
}

function probeFirmware(kind: ConfidentialKind, options: Firmware): Probe {
  const file = firmwareOf(kind, options)
  if (file !== undefined) return { ok: true, detail: file }
  const { variable, fix } = kind.firmware
  const named = options.firmware ?? process.env[variable]
  const detail = named === undefined ? `no firmware for ${kind.title}` : `no firmware ${named}`
  return { ok: false, detail, fix }
}
