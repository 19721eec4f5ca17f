import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { type Hex, isPipeline, toHex } from '@nacre/verify'
import { CliError } from './errors.ts'
import { REPOSITORY, type StatePaths } from './paths.ts'

/** A model that a development network serves. */
export type Model = { name: string; title: string; artifact: Hex; path: string }

const MODELS = join(REPOSITORY, 'models')
const MAX_MODEL = 32 * 1024 * 1024

/** The repository's models and those added to this network; every file is checked against its hash. */
export function readCatalog(paths: StatePaths): Model[] {
  const own = JSON.parse(readFileSync(join(MODELS, 'index.json'), 'utf8')) as Entry[]
  return [
    ...own.map(entry => modelOf(entry, MODELS)),
    ...addedTo(paths).map(entry => modelOf(entry, paths.models)),
  ]
}

/** The model of this name or artifact hash. */
export function findModel(catalog: Model[], name: string): Model {
  const found = catalog.find(model => model.name === name || model.artifact === name)
  if (found) return found
  throw new CliError('unknown-model', {
    what: `there is no model ${name}`,
    why: `this network serves ${catalog.map(model => model.name).join(', ')}`,
    fix: 'use one of these names, or nacre model add FILE',
  })
}

/** Copies a model, ONNX or a pipeline, into a network's state; it is announced at the network's next start. */
export function addModel(paths: StatePaths, file: string, name = basename(file, extname(file))): Model {
  const bytes = readModel(file)
  const artifact = sha256Of(bytes)
  const others = readCatalog(paths)
  const same = others.find(model => model.artifact === artifact)
  if (same) return same
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name) || others.some(model => model.name === name))
    throw badName(name)
  mkdirSync(paths.models, { recursive: true })
  const copy = `${artifact.slice(2)}${isPipeline(bytes) ? '.pipeline' : '.onnx'}`
  writeFileSync(join(paths.models, copy), bytes)
  const entry = { name, title: basename(file), file: copy, sha256: artifact }
  writeFileSync(join(paths.models, 'index.json'), JSON.stringify([...addedTo(paths), entry], undefined, 2))
  return modelOf(entry, paths.models)
}

type Entry = { name: string; title: string; file: string; sha256: Hex }

function addedTo(paths: StatePaths): Entry[] {
  const index = join(paths.models, 'index.json')
  return existsSync(index) ? JSON.parse(readFileSync(index, 'utf8')) : []
}

function modelOf({ name, title, file, sha256 }: Entry, dir: string): Model {
  const path = join(dir, file)
  if (sha256Of(readModel(path)) === sha256) return { name, title, artifact: sha256, path }
  throw new CliError('bad-file', {
    what: `${path} is not the model ${name}`,
    why: `its SHA-256 is not ${sha256}`,
    fix: 'restore the file, or add the model again',
  })
}

function readModel(path: string): Uint8Array {
  try {
    const bytes = readFileSync(path)
    if (bytes.length > 0 && bytes.length <= MAX_MODEL) return bytes
    throw new Error(`it has ${bytes.length} bytes, and 1 to ${MAX_MODEL} are accepted`)
  } catch (error) {
    throw new CliError('bad-file', {
      what: `the model ${path} cannot be read`,
      why: error instanceof Error ? error.message : String(error),
      fix: 'give the path of an ONNX file or a pipeline',
    })
  }
}

function sha256Of(bytes: Uint8Array): Hex {
  return toHex(createHash('sha256').update(bytes).digest())
}

function badName(name: string): CliError {
  return new CliError('bad-input', {
    what: `${name} cannot be the name of a new model`,
    why: 'names are lower-case letters, digits, dots, dashes; and used once',
    fix: 'choose another with --name',
  })
}
