/**
 * snarkjs (GPL-3.0), as far as it is used here. It is an optional peer dependency that users install themselves, loaded
 * when it is needed and part of nothing that is built here.
 */
import { proofsError } from '../../errors.ts'

/** A file that is in memory already, or by its path. */
export type SnarkjsFile = string | { type: 'mem'; data: Uint8Array }

/** Its logger; snarkjs says what it does, and why a check failed. */
export type SnarkjsLogger = Record<'debug' | 'info' | 'warn' | 'error', (text: string) => void>

/** A group of ffjavascript's, over the memory of one WebAssembly instance. */
export type SnarkjsGroup = {
  g: Uint8Array
  zero: Uint8Array
  add: (a: Uint8Array, b: Uint8Array) => Uint8Array
  toAffine: (a: Uint8Array) => Uint8Array
}

export type SnarkjsCurve = {
  G1: SnarkjsGroup
  G2: SnarkjsGroup
  tm: {
    instance: { exports: Record<string, (...pointers: number[]) => void> }
    memory: { buffer: ArrayBuffer; grow: (pages: number) => number }
    u8: Uint8Array
    u32: Uint32Array
    alloc: (bytes: number) => number
    setBuff: (pointer: number, bytes: Uint8Array) => void
    getBuff: (pointer: number, bytes: number) => Uint8Array
  }
  terminate: () => Promise<void>
}

export type Snarkjs = {
  groth16: {
    prove: (
      zkey: SnarkjsFile,
      witness: SnarkjsFile,
      logger?: SnarkjsLogger,
    ) => Promise<{ proof: SnarkjsProof; publicSignals: string[] }>
  }
  zKey: {
    verifyFromR1cs: (
      r1cs: SnarkjsFile,
      ptau: SnarkjsFile,
      zkey: SnarkjsFile,
      logger?: SnarkjsLogger,
    ) => Promise<boolean>
  }
  powersOfTau: { verify: (ptau: SnarkjsFile, logger?: SnarkjsLogger) => Promise<boolean> }
  curves: {
    getCurveFromName: (name: 'bn128', options?: { singleThread: boolean }) => Promise<SnarkjsCurve>
  }
}

/** Decimal numbers; G2's coordinates have the real part first. */
export type SnarkjsProof = {
  pi_a: [string, string, string]
  pi_b: [[string, string], [string, string], [string, string]]
  pi_c: [string, string, string]
}

let loaded: Snarkjs | undefined

/** @throws NacreError zk-snarkjs-missing */
export async function loadSnarkjs(): Promise<Snarkjs> {
  try {
    // @ts-expect-error: it has no types, and is not there for everybody.
    loaded ??= (await import('snarkjs')) as Snarkjs
    return loaded
  } catch (cause) {
    throw proofsError('zk-snarkjs-missing', 'snarkjs cannot be loaded', { cause })
  }
}

/** Ends the workers that snarkjs starts and keeps, if it was loaded: without it a process does not end. */
export async function endSnarkjs(): Promise<void> {
  if (loaded) await (await loaded.curves.getCurveFromName('bn128')).terminate()
}
