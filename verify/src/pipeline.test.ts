import { expect, test } from 'vitest'
import { utf8 } from './bytes.ts'
import { decodePipeline, encodePipeline, isPipeline, type PipelineManifest } from './pipeline.ts'

// Whole and broken bytes: vectors/pipelines.

const manifest: PipelineManifest = { version: 1, pipeline: 'invoice-total', minConfidence: 700 }

test('an ONNX file is no pipeline, nor is the beginning of one', () => {
  expect(isPipeline(Uint8Array.of(8, 8, 18, 7))).toBe(false)
  expect(isPipeline(utf8('nacrepi'))).toBe(false)
  expect(isPipeline(utf8('nacrepip'))).toBe(true)
})

test('a pipeline with other files or settings is not encoded', () => {
  expect(() => encodePipeline({ manifest, files: [] })).toThrow('0 files for invoice-total')
  const files = [utf8('model'), utf8('a')]
  expect(() => encodePipeline({ manifest: { ...manifest, minConfidence: 1001 }, files })).toThrow(
    'a whole number from 0 to 1000',
  )
})

test('files may be empty, and may lie anywhere in a larger buffer', () => {
  const bytes = encodePipeline({ manifest, files: [utf8(''), utf8('a')] })
  const padded = new Uint8Array(bytes.length + 3)
  padded.set(bytes, 3)
  expect(decodePipeline(padded.subarray(3)).files.map(file => file.length)).toEqual([0, 1])
})
