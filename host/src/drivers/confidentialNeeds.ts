import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { printable } from './console.ts'
import type { Probe } from './driver.ts'
import type { Need } from './probe.ts'
import { qemuVersion } from './qemuProbe.ts'

/** The processor's maker, as /proc/cpuinfo has it. */
export function needsVendor(root: string, vendor: string, fix: string): Need {
  return () => {
    const found = /^vendor_id\s*:\s*(\S+)/m.exec(textOf(join(root, 'proc/cpuinfo')))?.[1] ?? 'unknown'
    if (found === vendor) return { ok: true, detail: vendor }
    return { ok: false, detail: `the processor is of ${printable(found)}, not of ${vendor}`, fix }
  }
}

/** A parameter of KVM's module that says that the processor does it and the kernel uses it. */
export function needsParameter(root: string, path: string, fix: string): Need {
  return () => {
    const file = join('sys/module', path)
    const value = textOf(join(root, file)).trim()
    if (value === 'Y' || value === '1') return { ok: true, detail: `${path} is on` }
    return { ok: false, detail: `/${file} ${value === '' ? 'is not there' : `is ${printable(value)}`}`, fix }
  }
}

/** A device that this user may read and write. */
export function needsDevice(root: string, name: string, fix: string): Need {
  return (): Probe => {
    try {
      accessSync(join(root, 'dev', name), constants.R_OK | constants.W_OK)
      return { ok: true, detail: `/dev/${name}` }
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      return { ok: false, detail: missing ? `no /dev/${name}` : `no access to /dev/${name}`, fix }
    }
  }
}

export function needsQemu(major: number, minor: number): Need {
  return async () => {
    const probe = await qemuVersion()
    if (!probe.ok) return probe
    const [, found, foundMinor] = /version (\d+)\.(\d+)/.exec(probe.detail) ?? []
    const [a, b] = [Number(found), Number(foundMinor)]
    if (a > major || (a === major && b >= minor)) return { ok: true, detail: `QEMU ${a}.${b}` }
    const version = found === undefined ? printable(probe.detail) : `QEMU ${a}.${b}`
    const detail = `${version}, ${major}.${minor} or later is needed`
    return {
      ok: false,
      detail,
      fix: `install QEMU ${major}.${minor}, of a later release of the distribution or built from its source`,
    }
  }
}

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}
