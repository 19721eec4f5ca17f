import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  endSnarkjs,
  loadSnarkjs,
  type SnarkjsCurve,
  type SnarkjsFile,
} from '../proofs/src/zk/groth16/snarkjs.ts'

/** A step of a ceremony: a contributor by name, or the beacon, whose secret is public. */
export type Step = string | 'beacon'

export type CeremonyMaker = {
  /** Powers of tau of these steps, prepared for phase 2 unless said otherwise; returns the path, and each hash. */
  powers: (name: string, power: number, steps: Step[], prepared?: boolean) => Promise<Made>
  /** A proving key of a circuit, by these steps. */
  zkey: (name: string, r1cs: Uint8Array, ptau: string, steps: Step[]) => Promise<Made>
  end: () => Promise<void>
}
export type Made = { path: string; hashes: string[] }

const BEACON = '0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
const BEACON_EXP = 10

/** What snarkjs's commands do, one after the other, with files in a folder. */
export async function ceremonyIn(dir: string): Promise<CeremonyMaker> {
  const { powersOfTau, zKey, curves } = (await loadSnarkjs()) as unknown as Commands

  async function contribute(phase: Phase, name: string, first: string, steps: Step[]): Promise<Made> {
    let path = first
    const hashes: string[] = []
    for (const [i, step] of steps.entries()) {
      const next = join(dir, `${name}.${i + 1}`)
      const hash =
        step === 'beacon'
          ? await phase.beacon(path, next, step, BEACON, BEACON_EXP)
          : await phase.contribute(path, next, step, `the secret of ${step}`)
      hashes.push(Buffer.from(hash).toString('hex'))
      path = next
    }
    return { path, hashes }
  }

  return {
    async powers(name, power, steps, prepared = true) {
      const first = join(dir, `${name}.0`)
      await powersOfTau.newAccumulator(await curves.getCurveFromName('bn128'), power, first)
      const { path, hashes } = await contribute(powersOfTau, name, first, steps)
      const final = join(dir, `${name}.ptau`)
      if (prepared) await powersOfTau.preparePhase2(path, final)
      else copyFileSync(path, final)
      return { path: final, hashes }
    },
    async zkey(name, r1cs, ptau, steps) {
      const first = join(dir, `${name}.0`)
      await zKey.newZKey({ type: 'mem', data: r1cs }, ptau, first)
      const { path, hashes } = await contribute(zKey, name, first, steps)
      const final = join(dir, `${name}.zkey`)
      copyFileSync(path, final)
      return { path: final, hashes }
    },
    end: endSnarkjs,
  }
}

type Phase = {
  contribute: (from: string, to: string, name: string, entropy: string) => Promise<Uint8Array>
  beacon: (from: string, to: string, name: string, value: string, exp: number) => Promise<Uint8Array>
}
type Commands = {
  powersOfTau: Phase & {
    newAccumulator: (curve: SnarkjsCurve, power: number, to: string) => Promise<Uint8Array>
    preparePhase2: (from: string, to: string) => Promise<void>
  }
  zKey: Phase & { newZKey: (r1cs: SnarkjsFile, ptau: string, to: string) => Promise<Uint8Array> }
  curves: { getCurveFromName: (name: 'bn128') => Promise<SnarkjsCurve> }
}
