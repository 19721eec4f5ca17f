import { concat, type Hex, toHex } from './bytes.ts'
import { NacreError } from './errors.ts'
import { sha256 } from './hash.ts'

export const TEE_KIND = { simulated: 1, nitro: 2, tdx: 3, snp: 4, sgx: 5 } as const
export const ASSURANCE = { simulated: 1, tee: 2, zk: 3, quorum: 4, fhe: 5 } as const
export type TeeKind = keyof typeof TEE_KIND
export type Assurance = keyof typeof ASSURANCE

/** What the hardware measured: of each kind its registers, in the order of docs/protocol.md (Release). */
export type Measurement = { kind: TeeKind; registers: Uint8Array[] }

/** How many registers a kind has, and the bytes of each. */
const REGISTERS: Record<TeeKind, readonly [count: number, size: number]> = {
  simulated: [3, 48],
  nitro: [3, 48],
  tdx: [5, 48],
  snp: [1, 48],
  sgx: [1, 32],
}

/** Digest that `Releases` lists. @throws NacreError invalid-manifest unless the registers are those of the kind */
export function measurementDigest({ kind, registers }: Measurement): Hex {
  checkRegisters(kind, registers)
  return sha256(concat(Uint8Array.of(TEE_KIND[kind]), ...registers))
}

/** Whether two measurements are of the same kind and equal. */
export function sameMeasurement(a: Measurement, b: Measurement): boolean {
  return a.kind === b.kind && toHex(concat(...a.registers)) === toHex(concat(...b.registers))
}

/** @throws NacreError invalid-manifest */
export function checkRegisters(kind: TeeKind, registers: readonly Uint8Array[]): void {
  const [count, size] = REGISTERS[kind]
  if (registers.length === count && registers.every(register => register.length === size)) return
  const each = count === 1 ? `one register of ${size} bytes` : `${count} registers of ${size} bytes`
  throw invalidManifest(`a measurement of ${kind} is ${each}`)
}

export function invalidManifest(reason: string): NacreError {
  return new NacreError('invalid-manifest', `not a manifest: ${reason}`)
}
