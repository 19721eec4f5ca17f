import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '@nacre/verify'
import { printable } from './console.ts'
import type { Probe } from './driver.ts'
import { describeEnclaves, NITRO_CLI } from './nitroCli.ts'
import { SOCAT } from './nitroLink.ts'
import { outputOf, probeAll } from './probe.ts'

const FIXES = {
  cli: 'dnf install aws-nitro-enclaves-cli   (Amazon Linux 2023)',
  device: 'start the EC2 instance with --enclave-options Enabled=true, of a type that has Nitro Enclaves',
  allocator:
    'systemctl enable --now nitro-enclaves-allocator   (memory_mib and cpu_count in /etc/nitro_enclaves/allocator.yaml)',
  access: 'usermod -aG ne USER, and a new login',
  socat: 'dnf install socat   (1.7.4 or later)',
}

/** What AWS Nitro Enclaves need of an instance. `root` is where its files are. */
export function probeNitro(root = '/'): Promise<Probe> {
  const device = () => probeDevice(root)
  return probeAll([device, probeCli, () => probeAllocator(root), probeSocat])
}

function probeDevice(root: string): Probe {
  const device = 'dev/nitro_enclaves'
  if (existsSync(join(root, device))) return { ok: true, detail: `/${device}` }
  return { ok: false, detail: `no /${device}`, fix: FIXES.device }
}

/** It answers without enclaves too, but not without access to what they are asked by. */
async function probeCli(): Promise<Probe> {
  try {
    const version = await outputOf(NITRO_CLI, ['--version'])
    if (version === undefined) return { ok: false, detail: 'nitro-cli is not installed', fix: FIXES.cli }
    const { length } = await describeEnclaves()
    return { ok: true, detail: `${printable(version)}, ${length} enclaves running` }
  } catch (error) {
    return { ok: false, detail: messageOf(error), fix: FIXES.access }
  }
}

/** Memory and processors that were taken from the instance at its start, for enclaves alone. */
function probeAllocator(root: string): Probe {
  const cpus = read(join(root, 'sys/module/nitro_enclaves/parameters/ne_cpus'))
  const memory = hugeMemory(join(root, 'sys/kernel/mm/hugepages'))
  if (cpus !== '' && memory > 0) return { ok: true, detail: `${memory} MiB and CPUs ${cpus} set aside` }
  const what = [memory > 0 ? [] : ['memory'], cpus !== '' ? [] : ['CPUs']].flat().join(' and no ')
  return { ok: false, detail: `no ${what} set aside for enclaves`, fix: FIXES.allocator }
}

/** MiB in huge pages, of all sizes. */
function hugeMemory(folder: string): number {
  const names = existsSync(folder) ? readdirSync(folder) : []
  const sizes = names.map(name => {
    const kib = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? 0)
    return (kib * Number(read(join(folder, name, 'nr_hugepages')))) / 1024
  })
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function probeSocat(): Promise<Probe> {
  const version = await outputOf(SOCAT, ['-V']).catch(() => '')
  if (version === undefined) return { ok: false, detail: 'socat is not installed', fix: FIXES.socat }
  if (/WITH_VSOCK 1/.test(version)) return { ok: true, detail: 'socat with vsock' }
  return { ok: false, detail: 'socat knows no vsock', fix: FIXES.socat }
}

function read(file: string): string {
  return existsSync(file) ? printable(readFileSync(file, 'utf8').trim()) : ''
}
