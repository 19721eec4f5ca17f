import {
  concat,
  encodePipeline,
  fromHex,
  type Hex,
  type PipelineManifest,
  sha256,
  toHex,
  utf8,
} from '@nacre/verify'

const MANIFEST: PipelineManifest = { version: 1, pipeline: 'invoice-total', minConfidence: 700 }
const FILES = ['0x080812', '0x61'] as const

/** Bytes that are no pipeline, and the code of the error. */
function invalid(): Record<string, { bytes: Hex; error: string }> {
  const valid = encodePipeline({ manifest: MANIFEST, files: FILES.map(file => fromHex(file)) })
  const bad = (bytes: Uint8Array, error = 'invalid-artifact') => ({ bytes: toHex(bytes), error })
  const json = '{"minConfidence":700,"pipeline":"invoice-total","version":1}'
  const withManifest = (text: string) =>
    bad(concat(valid.subarray(0, 9), part(utf8(text)), valid.subarray(9 + part(utf8(json)).length)))
  return {
    onnx: bad(fromHex('0x0808120b')),
    'version-2': bad(
      Uint8Array.from(valid, (byte, i) => (i === 8 ? 2 : byte)),
      'unsupported-version',
    ),
    'cut-short': bad(valid.subarray(0, -1)),
    'trailing-byte': bad(concat(valid, Uint8Array.of(0))),
    'one-file': bad(valid.subarray(0, -5)),
    'three-files': bad(concat(valid, part(utf8('more')))),
    'no-manifest': bad(valid.subarray(0, 9)),
    'manifest-spaces': withManifest(json.replaceAll(':', ': ')),
    'manifest-order': withManifest('{"version":1,"pipeline":"invoice-total","minConfidence":700}'),
    'manifest-unknown-field': withManifest(json.replace('}', ',"x":1}')),
    'manifest-unknown-pipeline': withManifest(json.replace('invoice-total', 'other')),
    'manifest-not-json': withManifest(json.slice(1)),
    'manifest-too-long': withManifest(json.replace('{', `{${' '.repeat(1024)}`)),
    'confidence-1001': withManifest(json.replace('700', '1001')),
  }
}

export function pipelineVectors(): Record<string, unknown> {
  const bytes = encodePipeline({ manifest: MANIFEST, files: FILES.map(file => fromHex(file)) })
  const valid = { bytes: toHex(bytes), files: FILES, manifest: MANIFEST, sha256: sha256(bytes) }
  const others = Object.entries(invalid()).map(([name, value]) => [`pipelines/invalid-${name}.json`, value])
  return Object.fromEntries([['pipelines/invoice-total.json', valid], ...others])
}

function part(content: Uint8Array): Uint8Array {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, content.length, true)
  return concat(length, content)
}
