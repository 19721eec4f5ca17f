import { concat, equalBytes, fromUtf8, utf8 } from './bytes.ts'
import { messageOf, NacreError } from './errors.ts'
import { integerOf, objectOf, oneOf, parseJson, versionOf } from './shape.ts'

/** A step before and after a model that the enclave knows by name, and what it is set to. */
export type PipelineManifest = {
  version: 1
  pipeline: 'invoice-total'
  /** Thousandths: readings that are less sure are refused. */
  minConfidence: number
}

/** An artifact of more than a model: its SHA-256 covers the manifest and every file. */
export type Pipeline = { manifest: PipelineManifest; files: Uint8Array[] }

/** What each pipeline's files are, in their order. */
export const PIPELINE_FILES: Record<PipelineManifest['pipeline'], readonly string[]> = {
  'invoice-total': ['model', 'characters'],
}

export const MAX_PIPELINE_MANIFEST = 1024

/** As protobuf this would be a field of a wire type that does not exist: no ONNX file begins with it. */
const MAGIC: Uint8Array = utf8('nacrepip')
const VERSION = 1

const manifestShape = objectOf<PipelineManifest>({
  version: versionOf(1),
  pipeline: oneOf('invoice-total'),
  minConfidence: integerOf(0, 1000),
})

export function isPipeline(bytes: Uint8Array): boolean {
  return equalBytes(bytes.subarray(0, MAGIC.length), MAGIC)
}

/**
 * Canonical bytes (docs/protocol.md, Artifact).
 * @throws NacreError invalid-artifact, and as the parsers of shape.ts
 */
export function encodePipeline({ manifest, files }: Pipeline): Uint8Array {
  const { pipeline } = manifestShape(manifest, 'manifest')
  if (files.length !== PIPELINE_FILES[pipeline].length) throw invalid(`${files.length} files for ${pipeline}`)
  const parts = [encodeManifest(manifest), ...files].flatMap(part => [lengthOf(part), part])
  return concat(MAGIC, Uint8Array.of(VERSION), ...parts)
}

/**
 * The pipeline of canonical bytes; its files are views of them.
 * @throws NacreError invalid-artifact, unsupported-version
 */
export function decodePipeline(bytes: Uint8Array): Pipeline {
  if (!isPipeline(bytes)) throw invalid('it does not begin as one')
  const version = bytes[MAGIC.length]
  if (version !== VERSION)
    throw new NacreError('unsupported-version', `pipeline version ${version}, known: 1`)
  const [first, ...files] = partsOf(bytes.subarray(MAGIC.length + 1))
  const manifest = readManifest(first ?? new Uint8Array(0))
  const wanted = PIPELINE_FILES[manifest.pipeline].length
  if (files.length !== wanted) throw invalid(`${files.length} files, and ${manifest.pipeline} has ${wanted}`)
  return { manifest, files }
}

function* partsOf(bytes: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < bytes.length; ) {
    const start = at + 4
    if (start > bytes.length || view.getUint32(at, true) > bytes.length - start)
      throw invalid('it is cut short')
    at = start + view.getUint32(at, true)
    yield bytes.subarray(start, at)
  }
}

function readManifest(bytes: Uint8Array): PipelineManifest {
  if (bytes.length > MAX_PIPELINE_MANIFEST)
    throw invalid(`its manifest is longer than ${MAX_PIPELINE_MANIFEST} bytes`)
  try {
    const json = parseJson(fromUtf8(bytes), MAX_PIPELINE_MANIFEST, 'manifest')
    const manifest = manifestShape(json, 'manifest')
    if (equalBytes(encodeManifest(manifest), bytes)) return manifest
  } catch (cause) {
    throw invalid(messageOf(cause), cause)
  }
  throw invalid('its manifest is not canonical')
}

/** Canonical JSON (RFC 8785): keys in their order, no white space. */
function encodeManifest({ minConfidence, pipeline, version }: PipelineManifest): Uint8Array {
  return utf8(JSON.stringify({ minConfidence, pipeline, version }))
}

function lengthOf(part: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, part.length, true)
  return bytes
}

function invalid(reason: string, cause?: unknown): NacreError {
  return new NacreError('invalid-artifact', `not a pipeline: ${reason}`, { cause })
}
