import { existsSync, readFileSync } from 'node:fs'

/**
 * Keys are made in this machine: its kernel's generator must be seeded, and by a source that it has itself (the
 * processor's RDRAND, or a device such as Nitro's security module), not only by the times at which things happen.
 * @throws Error
 */
export function checkRandomness(root = ''): void {
  const available = Number(readIfThere(`${root}/proc/sys/kernel/random/entropy_avail`))
  const processor = / rdrand( |$)/m.test(readIfThere(`${root}/proc/cpuinfo`))
  const device = readIfThere(`${root}/sys/class/misc/hw_random/rng_current`).trim()
  if (!processor && (device === '' || device === 'none')) throw new Error('no source of randomness')
  if (!(available >= 256)) throw new Error(`the kernel's generator has ${available} bits, it needs 256`)
}

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}
