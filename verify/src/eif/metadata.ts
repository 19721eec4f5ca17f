import { fromUtf8 } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import { parseJson } from '../shape.ts'

/** What an encoder says of the build: AWS's fields, and any others. It is not measured, so anyone may change it. */
export type EifMetadata = Record<string, unknown>

/** Longest metadata, bytes. */
export const MAX_METADATA = 65_536

/** The texts and objects that the format's JSON schema requires, by their paths. */
const TEXTS = ['ImageName', 'ImageVersion']
const BUILD_TEXTS = ['BuildTime', 'BuildTool', 'BuildToolVersion', 'OperatingSystem', 'KernelVersion']

/** @throws NacreError too-large, invalid-text, invalid-json, wrong-type, missing-field */
export function parseMetadata(bytes: Uint8Array): EifMetadata {
  if (bytes.length > MAX_METADATA)
    throw new NacreError('too-large', `metadata is longer than ${MAX_METADATA} bytes`)
  const metadata = objectAt(parseJson(fromUtf8(bytes), MAX_METADATA, 'metadata'), 'metadata')
  for (const name of TEXTS) textAt(metadata, 'metadata', name)
  const build = objectAt(fieldOf(metadata, 'metadata', 'BuildMetadata'), 'metadata.BuildMetadata')
  for (const name of BUILD_TEXTS) textAt(build, 'metadata.BuildMetadata', name)
  objectAt(fieldOf(metadata, 'metadata', 'DockerInfo'), 'metadata.DockerInfo')
  return metadata
}

function fieldOf(object: EifMetadata, path: string, name: string): unknown {
  if (Object.hasOwn(object, name)) return object[name]
  throw new NacreError('missing-field', `${path}.${name} is missing`)
}

function textAt(object: EifMetadata, path: string, name: string): void {
  if (typeof fieldOf(object, path, name) !== 'string')
    throw new NacreError('wrong-type', `${path}.${name} must be a text`)
}

function objectAt(value: unknown, path: string): EifMetadata {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as EifMetadata
  throw new NacreError('wrong-type', `${path} must be an object`)
}
