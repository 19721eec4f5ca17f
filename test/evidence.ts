import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

/** One file of real evidence or collateral, with what its manifest expects of it. */
export type EvidenceFile = {
  /** Path in the folder, such as `nitro/x.bin`. */
  file: string
  tee: string
  /** As the manifest has it: each TEE has fields of its own. */
  // biome-ignore lint/suspicious/noExplicitAny: as read from JSON
  expect: any
  // biome-ignore lint/suspicious/noExplicitAny: as read from JSON
  entry: any
  base64: string
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Real evidence, which is not in this repository: empty when its folder is absent. See `realEvidence`. */
    evidence: EvidenceFile[]
  }
}

/** Where it lies: in NACRE_VECTORS, or beside the repository. */
export const EVIDENCE_FOLDER: string = join(
  process.env.NACRE_VECTORS ?? join(import.meta.dirname, '../../shared/vectors'),
  'attestation',
)

/** Reads real evidence for tests that also run in a browser, which cannot read files. */
export default function setup(project: TestProject): void {
  const files = readRealEvidence()
  if (files.length === 0)
    console.warn(
      `No real evidence: ${EVIDENCE_FOLDER} is absent, set NACRE_VECTORS. Tests of it check nothing.`,
    )
  project.provide('evidence', files)
}

/** Every file that the folder's manifest names; none when the folder is absent. */
export function readRealEvidence(): EvidenceFile[] {
  const manifest = join(EVIDENCE_FOLDER, 'MANIFEST.json')
  if (!existsSync(manifest)) return []
  // biome-ignore lint/suspicious/noExplicitAny: as read from JSON
  const { entries } = JSON.parse(readFileSync(manifest, 'utf8')) as { entries: any[] }
  return entries.map(entry => ({
    file: entry.file,
    tee: entry.tee,
    expect: entry.expect ?? {},
    entry,
    base64: readFileSync(join(EVIDENCE_FOLDER, entry.file)).toString('base64'),
  }))
}
