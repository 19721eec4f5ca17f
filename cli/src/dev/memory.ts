import { freemem } from 'node:os'
import type { DevTee } from './image.ts'

/** What an operator with its enclave takes, MB: of a machine its memory and QEMU's own (README.md, Figures). */
const TAKEN = { simulated: 300, qemu: 1_200 } as const

/** A warning where the enclaves take more memory than there is: the kernel ends one of them then, or another program. */
export function memoryWarning(
  tee: DevTee,
  operators: number,
  availableMb: number = Math.floor(freemem() / 1e6),
): string | undefined {
  const wanted = TAKEN[tee] * operators
  if (wanted <= availableMb) return undefined
  const fewer = operators > 1 ? '; --operators 1 takes less' : ''
  return `WARNING: the enclaves take ${wanted} MB of memory and ${availableMb} are free${fewer}`
}
