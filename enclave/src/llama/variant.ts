import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CPU_VARIANTS, type CpuVariant } from '../engineName.ts'
import { nativesFolder } from './natives.ts'

/** The library that an image has; of the package, which has all of them, the one that runs on most machines. */
export function cpuVariant(): CpuVariant {
  const found = CPU_VARIANTS.find(variant => existsSync(variantFile(variant)))
  if (found === undefined) throw new Error(`no library for a processor is in ${nativesFolder()}`)
  return found
}

/** llama.cpp's library for one kind of processor. */
export function variantFile(variant: CpuVariant): string {
  return join(nativesFolder(), `libggml-cpu-${variant}.so`)
}
