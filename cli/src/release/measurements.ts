import { fromHex, type Hex, type Measurement, measurementDigest, type TeeKind, toHex } from '@nacre/verify'
import { CliError } from '../errors.ts'
import { bold, type Output } from '../output.ts'

/** The registers of each kind, in the order in which a measurement has them (docs/protocol.md, Release). */
export const REGISTERS: Record<TeeKind, readonly string[]> = {
  simulated: ['pcr0', 'pcr1', 'pcr2'],
  nitro: ['pcr0', 'pcr1', 'pcr2'],
  tdx: ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'],
  snp: ['measurement'],
  sgx: ['mrenclave'],
}

/** A measurement as it is told: its registers by name, and the digest that `Releases` lists. */
export type ToldMeasurement = { kind: TeeKind; registers: Record<string, Hex>; digest: Hex }

/** What `Releases` lists. */
export type Listing = { kind: TeeKind; digest: Hex }

export function toldOf(measurement: Measurement): ToldMeasurement {
  const { kind, registers } = measurement
  const named = registers.map((register, i) => [REGISTERS[kind][i] ?? `${i}`, toHex(register)])
  return { kind, registers: Object.fromEntries(named), digest: measurementDigest(measurement) }
}

export function printMeasurements(output: Output, measurements: readonly ToldMeasurement[]): void {
  for (const { kind, registers, digest } of measurements) {
    output.line(bold(`Measurement, ${kind}`))
    for (const [name, value] of Object.entries(registers)) output.line(`  ${name.padEnd(12)} ${value}`)
    output.line(`  ${'digest'.padEnd(12)} ${digest}`)
  }
}

/** KIND:DIGEST of an option. @throws CliError bad-input */
export function parseListing(text: string): Listing {
  const [kind = '', digest = ''] = text.split(':', 2)
  try {
    if (!Object.hasOwn(REGISTERS, kind))
      throw new Error(`kind is one of ${Object.keys(REGISTERS).join(', ')}`)
    fromHex(digest, 32)
    return { kind: kind as TeeKind, digest: digest as Hex }
  } catch (error) {
    throw new CliError('bad-input', {
      what: `--measurement ${text} is no measurement`,
      why: error instanceof Error ? error.message : String(error),
      fix: 'write it like tdx:0x…, with the digest that nacre release measure --evidence FILE prints',
    })
  }
}
