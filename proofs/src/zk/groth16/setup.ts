/**
 * Checks the transcript of a ceremony (docs/zk-groth16.md, section 6): powers of tau and a proving key, both made by
 * snarkjs's commands, against a circuit that was made here. snarkjs checks the points; that somebody contributed, and
 * that the key is none that everybody can forge for, is checked here.
 */
import type { Check } from '@nacre/verify'
import {
  type Contributed,
  type Contribution,
  type ContributionLayout,
  readContributions,
} from './contributions.ts'
import type { ModelCircuit } from './emit.ts'
import { encodeR1cs } from './iden3.ts'
import { encodeKey, keyOf } from './key.ts'
import { G1_BYTES, G2_BYTES } from './points.ts'
import { type PowersOfTau, readPtau } from './ptau.ts'
import { powerOf } from './qap.ts'
import { type ByteSource, checkSection, sectionsOf, sourceOf } from './sections.ts'
import { loadSnarkjs, type SnarkjsFile } from './snarkjs.ts'
import { transcriptOf } from './transcript.ts'
import { readZkeyHead } from './zkey.ts'

export type Ceremony = {
  /** Of the model whose key it is to be. */
  circuit: ModelCircuit
  /** May be too large for memory: the file for snarkjs, and the same one to read from. */
  ptau: { file: SnarkjsFile; source: ByteSource }
  zkey: Uint8Array
}

export type SetupVerdict = {
  ok: boolean
  checks: Check[]
  phase1: Contributed[]
  phase2: Contributed[]
  /** The verification key's file, if all checks hold. */
  key?: Uint8Array
}

const ZKEY: ContributionLayout = { magic: 'zkey', head: 64, fixed: 3 * G1_BYTES + G2_BYTES + 64 }

/**
 * Every check of a ceremony. If all hold, whoever trusts one contributor of each phase to have kept no secret can trust
 * the key. Large files take minutes; what does not fit or has no contribution is refused before that. snarkjs's workers
 * stay: `endSnarkjs` ends them.
 * @param progress what is done now, in words
 * @throws NacreError zk-invalid-setup, zk-invalid-key, zk-unsupported-version, zk-snarkjs-missing, zk-key-unsupported
 */
export async function verifySetup(
  { circuit, ptau, zkey }: Ceremony,
  progress: (text: string) => void = () => {},
): Promise<SetupVerdict> {
  const tau = readPtau(ptau.source)
  const verdict: SetupVerdict = {
    ok: false,
    checks: [checkPowers(circuit, tau), checkCircuit(circuit, zkey)],
    phase1: tau.contributions,
    phase2: contributionsOf(zkey),
  }
  const { checks } = verdict
  checks.push(checkContributed('phase 1', verdict.phase1), checkContributed('phase 2', verdict.phase2))
  const holds = (): boolean => checks.every(({ ok }) => ok)
  if (!holds()) return verdict

  const { powersOfTau, zKey } = await loadSnarkjs()
  const first = await transcriptOf(progress, logger => powersOfTau.verify(ptau.file, logger))
  checks.push(first.check('powers of tau', verdict.phase1))
  if (!holds()) return verdict
  const files = [{ type: 'mem', data: encodeR1cs(circuit) }, ptau.file, { type: 'mem', data: zkey }] as const
  const second = await transcriptOf(progress, logger => zKey.verifyFromR1cs(...files, logger))
  checks.push(second.check('proving key', verdict.phase2))
  if (!holds()) return verdict
  return { ...verdict, ok: true, key: encodeKey(keyOf(circuit, 'ceremony', readZkeyHead(zkey))) }
}

function checkPowers(circuit: ModelCircuit, { power, isPrepared }: PowersOfTau): Check {
  const name = 'size'
  const needed = powerOf(circuit)
  if (power < needed)
    return { name, ok: false, detail: `2^${power} powers of tau: the circuit takes 2^${needed}` }
  if (!isPrepared)
    return {
      name,
      ok: false,
      detail: 'the powers of tau are not prepared: snarkjs powersoftau prepare phase2',
    }
  return { name, ok: true, detail: `2^${power} powers of tau: the circuit takes 2^${needed}` }
}

/** By sizes alone: a key of most other circuits is told from this one's without minutes of pairings. */
function checkCircuit(circuit: ModelCircuit, zkey: Uint8Array): Check {
  const { wires, signals, domain } = readZkeyHead(zkey)
  const own = { wires: circuit.wires, signals: circuit.signals, domain: 2 ** powerOf(circuit) }
  const ok = wires === own.wires && signals === own.signals && domain === own.domain
  if (ok) checkSections(own, zkey)
  const of = (sizes: typeof own): string =>
    `${sizes.wires} wires, ${sizes.signals} signals, domain ${sizes.domain}`
  const detail = ok
    ? of(own)
    : `the proving key is of another: ${of({ wires, signals, domain })}, not ${of(own)}`
  return { name: 'circuit', ok, detail }
}

function checkSections(sizes: { wires: number; signals: number; domain: number }, zkey: Uint8Array): void {
  const { wires, signals, domain } = sizes
  const sections = sectionsOf(sourceOf(zkey), ZKEY.magic, 1)
  checkSection(sections, ZKEY.magic, 4)
  for (const [id, size] of [
    [5, wires * G1_BYTES],
    [6, wires * G1_BYTES],
    [7, wires * G2_BYTES],
    [8, (wires - signals - 1) * G1_BYTES],
    [9, domain * G1_BYTES],
  ] as const)
    checkSection(sections, ZKEY.magic, id, size)
}

function contributionsOf(zkey: Uint8Array): Contribution[] {
  const source = sourceOf(zkey)
  const section = checkSection(sectionsOf(source, ZKEY.magic, 1), ZKEY.magic, 10)
  return readContributions(source, section, ZKEY)
}

/** A phase without secrets is one that everybody can forge by: a beacon's are public. */
function checkContributed(phase: string, list: readonly Contribution[]): Check {
  const own = list.filter(({ beacon }) => !beacon).length
  const beacons = list.length - own
  const counted = `${own} ${own === 1 ? 'contribution' : 'contributions'}${beacons > 0 ? `, and ${beacons} of a public beacon` : ''}`
  const detail = own > 0 ? counted : `${counted}: nothing of it is secret, so that everybody can forge`
  return { name: `${phase} contributions`, ok: own > 0, detail }
}
