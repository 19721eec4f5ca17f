/** Enclaves that boot as machines beside those that are processes: what the boundary of a machine costs. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadImage } from '@nacre/host/drivers/image'
import { qemuDriver } from '@nacre/host/drivers/qemu'
import { simulatedDriver } from '@nacre/host/drivers/simulated'
import { createRoot } from '@nacre/host/nsm/root'
import { measureEif, parseEif } from '@nacre/verify'
import { ensureImage } from '../cli/src/dev/image.ts'
import { nodeHashes } from '../cli/src/nodeCrypto.ts'
import { table } from '../cli/src/table.ts'
import { IMAGES } from '../enclave/scripts/images.ts'
import { buildRelease } from '../enclave/scripts/release.ts'
import { benchLaunch, type Launch } from './launch.ts'
import { percentile } from './stats.ts'

/** Medians over the launches of one driver; times in milliseconds. */
export type Enclaves = {
  launches: number
  first_answer_ms: { median: number; min: number; max: number }
  infer_ms: number
  infer_with_evidence_ms: number
  artifact_mb_per_s: number
  memory_mb: number
}

export type Qemu = {
  qemu_version: string
  /** Whether the machines ran on the processor itself; without, QEMU translates. */
  kvm: boolean
  release: { build_ms: number; measure_ms: number; bytes: number; files: number }
  simulated: Enclaves
  qemu: Enclaves
  /** The machine's figure divided by the process's; one run, launches in turn. */
  ratio: Record<'first_answer' | 'infer' | 'infer_with_evidence' | 'artifact' | 'memory', number>
  /** Without KVM. */
  target_first_answer_ms: number
}

const LAUNCHES = 5
const TARGET_MS = 20_000

/** @throws Error what the build of a release throws, and DriverError launch-failed where QEMU is not installed */
export async function benchQemu(say: (text: string) => void, launches = LAUNCHES): Promise<Qemu> {
  const dir = mkdtempSync(join(tmpdir(), 'nacre-bench-qemu-'))
  // Enclaves that run end with this process.
  const remove = (): void => rmSync(dir, { recursive: true, force: true })
  process.once('exit', remove)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  try {
    say('building the release')
    const release = await benchRelease(join(dir, 'release'))
    const images = {
      simulated: await loadImage((await ensureImage()).dir),
      qemu: await loadImage(join(dir, 'release')),
    }
    const root = createRoot()
    const taken: Record<'simulated' | 'qemu', Launch[]> = { simulated: [], qemu: [] }
    for (const driver of Array.from({ length: launches }, () => [simulatedDriver, qemuDriver]).flat()) {
      const name = driver.name as 'simulated' | 'qemu'
      const launch = await benchLaunch(driver, images[name], root)
      taken[name].push(launch)
      say(`${name}: first attested answer after ${(launch.first_answer_ms / 1000).toFixed(1)} s, SIMULATED`)
    }
    const [simulated, qemu] = [summary(taken.simulated), summary(taken.qemu)]
    const command = taken.qemu[0]!.command
    const kvm = command[command.indexOf('-accel') + 1]?.startsWith('kvm') === true
    const facts = { qemu_version: versionOf(command[0]!), kvm, release }
    return { ...facts, simulated, qemu, ratio: ratioOf(qemu, simulated), target_first_answer_ms: TARGET_MS }
  } finally {
    remove()
  }
}

/** The table, a line each. */
export function qemuTable({ simulated, qemu, ratio, kvm, release }: Qemu): string[] {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
  const ms = (value: number): string => `${value.toFixed(2)} ms`
  const times = (value: number): string => `× ${value}`
  const rows = [
    [
      'launch to first attested answer',
      seconds(simulated.first_answer_ms.median),
      seconds(qemu.first_answer_ms.median),
      times(ratio.first_answer),
    ],
    ['answer', ms(simulated.infer_ms), ms(qemu.infer_ms), times(ratio.infer)],
    [
      'answer with evidence',
      ms(simulated.infer_with_evidence_ms),
      ms(qemu.infer_with_evidence_ms),
      times(ratio.infer_with_evidence),
    ],
    [
      'artifact of 8 MiB',
      `${simulated.artifact_mb_per_s} MB/s`,
      `${qemu.artifact_mb_per_s} MB/s`,
      times(ratio.artifact),
    ],
    ['memory', `${simulated.memory_mb} MB`, `${qemu.memory_mb} MB`, times(ratio.memory)],
  ]
  const how = kvm ? 'machine, KVM' : 'machine, no KVM'
  return [
    ...table(['medians, both SIMULATED', 'process', how, 'ratio'], rows),
    '',
    `the slowest first answer of a machine took ${seconds(qemu.first_answer_ms.max)} (target without KVM ${seconds(TARGET_MS)})`,
    `the release, ${release.bytes} bytes, is built in ${seconds(release.build_ms)} and measured in ${seconds(release.measure_ms)}`,
  ]
}

/** Packages of Debian that were downloaded before are taken from where they are kept. */
async function benchRelease(outDir: string): Promise<Qemu['release']> {
  const started = performance.now()
  const { eif, manifest } = await buildRelease({ outDir, kind: IMAGES.onnx })
  const built = performance.now()
  const bytes = readFileSync(eif)
  measureEif(parseEif(bytes, { hashes: nodeHashes }), { hashes: nodeHashes })
  return {
    build_ms: Math.round(built - started),
    measure_ms: Math.round(performance.now() - built),
    bytes: bytes.length,
    files: manifest.files.length,
  }
}

function summary(launches: Launch[]): Enclaves {
  const median = (of: (launch: Launch) => number): number => percentile(launches.map(of), 0.5)
  const first = launches.map(launch => launch.first_answer_ms)
  return {
    launches: launches.length,
    first_answer_ms: { median: percentile(first, 0.5), min: Math.min(...first), max: Math.max(...first) },
    infer_ms: median(launch => launch.infer.median),
    infer_with_evidence_ms: median(launch => launch.infer_with_evidence.median),
    artifact_mb_per_s: median(launch => launch.artifact_mb_per_s),
    memory_mb: median(launch => launch.memory_mb),
  }
}

function ratioOf(qemu: Enclaves, simulated: Enclaves): Qemu['ratio'] {
  const ratio = (of: (enclaves: Enclaves) => number): number =>
    Number((of(qemu) / of(simulated)).toPrecision(2))
  return {
    first_answer: ratio(one => one.first_answer_ms.median),
    infer: ratio(one => one.infer_ms),
    infer_with_evidence: ratio(one => one.infer_with_evidence_ms),
    artifact: ratio(one => one.artifact_mb_per_s),
    memory: ratio(one => one.memory_mb),
  }
}

function versionOf(program: string): string {
  return execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? ''
}
