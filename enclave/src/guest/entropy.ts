import { existsSync, readFileSync } from 'node:fs'

/**
 * Keys are made in this machine: its kernel's generator must be seeded, and from the processor (RDRAND), which no host
 * stands in for where a TEE is real. The time at which things happen is the host's, and so may any device be that calls
 * itself a generator: on TDX and SEV-SNP it attaches what it likes, the driver of Nitro's module answers to an imitation,
 * and what comes from there counts as random in full.
 * @throws Error
 */
export function checkRandomness(root = ''): void {
  const available = Number(readIfThere(`${root}/proc/sys/kernel/random/entropy_avail`))
  const processor = / rdrand( |$)/m.test(readIfThere(`${root}/proc/cpuinfo`))
  if (!processor) throw new Error('no source of randomness: the processor has no RDRAND')
  if (!(available >= 256)) throw new Error(`the kernel's generator has ${available} bits, it needs 256`)
}

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}
