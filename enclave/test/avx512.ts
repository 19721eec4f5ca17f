import { readFileSync } from 'node:fs'

/** What llama.cpp's library for AVX-512, of the image `nacre-llama-avx512`, needs of a processor. */
const NEEDED = ['avx512f', 'avx512vl', 'avx512bw', 'avx512dq', 'avx512vbmi', 'avx512_vnni']

export function hasAvx512(): boolean {
  const flags = readFileSync('/proc/cpuinfo', 'utf8')
  return NEEDED.every(flag => flags.includes(` ${flag} `))
}
