import { concat, fromHex, type Hex } from '../bytes.ts'
import { sha256 } from '../hash.ts'
import { CASE_KIND, type CaseTee } from './evidenceCase.ts'
import type { Verdict } from './verdict.ts'

/**
 * What a release pins of each TEE, in this order. Of a TD all four run-time registers: what an image leaves unused is
 * zero there, and one that extends RTMR3 with what it loads would otherwise vouch for any application.
 */
const REGISTERS: Record<Exclude<CaseTee, 'nvidia'>, readonly string[]> = {
  tdx: ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'],
  snp: ['measurement'],
  sgx: ['mrenclave'],
}

/**
 * The digest of a verdict's registers that `Releases` lists: SHA-256 of the kind and the registers (docs/protocol.md,
 * Release). Of a GPU it is over all measurements, by index, with index and length before each.
 */
export function evidenceMeasurement(tee: CaseTee, measurements: Verdict['measurements']): Hex {
  const parts =
    tee === 'nvidia' ? blocksOf(measurements) : REGISTERS[tee].map(name => read(measurements, name))
  return sha256(concat(Uint8Array.of(CASE_KIND[tee]), ...parts))
}

function read(measurements: Verdict['measurements'], name: string): Uint8Array {
  return fromHex(`0x${measurements[name]}`)
}

/** `index u8 | length u16 | value` of each, in the order of indices. */
function blocksOf(measurements: Verdict['measurements']): Uint8Array[] {
  const indices = Object.keys(measurements).map(name => Number(name.slice('measurement'.length)))
  return indices
    .sort((a, b) => a - b)
    .map(index => {
      const value = read(measurements, `measurement${index}`)
      return concat(Uint8Array.of(index, value.length >> 8, value.length & 0xff), value)
    })
}
