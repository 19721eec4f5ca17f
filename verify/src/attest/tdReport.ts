import { toHex } from '../bytes.ts'
import { createReader, type Reader } from './reader.ts'

/** The report of a trust domain (TDX DCAP, appendix A): version 1.0, and what 1.5 adds. */
export type TdReport = {
  /** Security versions of the TDX module: its own, its major version, of the microcode, and zeros. */
  teeTcbSvn: Uint8Array
  mrSignerSeam: Uint8Array
  seamAttributes: Uint8Array
  tdAttributes: Uint8Array
  reportData: Uint8Array
  /** 1.5: of the module that runs now, which may have been updated since the TD was started. */
  teeTcbSvn2: Uint8Array | undefined
  /** 1.5: of a service TD that may change this one, all zero for none. */
  mrServiceTd: Uint8Array | undefined
  /** What the code in the TD is known by, hex without a prefix. */
  measurements: Record<string, string>
}

export function parseTdReport(bytes: Uint8Array, type: 'td10' | 'td15'): TdReport {
  const reader = createReader(bytes)
  const take = (size: number): Uint8Array => reader.take(size, 'the TD report')
  const teeTcbSvn = take(16)
  const mrseam = take(48)
  const mrSignerSeam = take(48)
  const seamAttributes = take(8)
  const tdAttributes = take(8)
  const xfam = take(8)
  const registers = readRegisters(reader)
  const reportData = take(64)
  const later = type === 'td15' ? { teeTcbSvn2: take(16), mrServiceTd: take(48) } : undefined
  const measured: Record<string, Uint8Array> = { ...registers, mrseam, tdAttributes, xfam }
  if (later) measured.mrservicetd = later.mrServiceTd
  return {
    teeTcbSvn,
    mrSignerSeam,
    seamAttributes,
    tdAttributes,
    reportData,
    teeTcbSvn2: later?.teeTcbSvn2,
    mrServiceTd: later?.mrServiceTd,
    measurements: Object.fromEntries(
      Object.entries(measured).map(([name, value]) => [name, toHex(value).slice(2)]),
    ),
  }
}

const REGISTERS = [
  'mrtd',
  'mrconfigid',
  'mrowner',
  'mrownerconfig',
  'rtmr0',
  'rtmr1',
  'rtmr2',
  'rtmr3',
] as const

function readRegisters(reader: Reader): Record<string, Uint8Array> {
  return Object.fromEntries(REGISTERS.map(name => [name, reader.take(48, name)]))
}

const TD_BITS = {
  debug: 0,
  hgsPlusProfiling: 4,
  performanceProfiling: 5,
  pmtProfiling: 6,
  icssd: 16,
  lass: 27,
  septVeDisable: 28,
  migratable: 29,
  pks: 30,
  keyLocker: 31,
  tpa: 62,
  perfmon: 63,
} as const
export type TdBit = keyof typeof TD_BITS

/**
 * The names of the bits of TDATTRIBUTES that are set (TDX module 1.5 ABI, "ATTRIBUTES"), and the numbers of those
 * that are reserved there.
 */
export function readTdAttributes(attributes: Uint8Array): { set: TdBit[]; reserved: number[] } {
  const bits = Array.from({ length: 64 }, (_, bit) => bit).filter(
    bit => (((attributes[bit >> 3] as number) >> (bit & 7)) & 1) !== 0,
  )
  const names = Object.entries(TD_BITS) as [TdBit, number][]
  return {
    set: names.filter(([, bit]) => bits.includes(bit)).map(([name]) => name),
    reserved: bits.filter(bit => !names.some(([, known]) => known === bit)),
  }
}

/** The group "TD under debug": with any of them the host looks into the TD. */
export const TD_UNDER_DEBUG: readonly TdBit[] = [
  'debug',
  'hgsPlusProfiling',
  'performanceProfiling',
  'pmtProfiling',
]
