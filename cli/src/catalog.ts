import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { type Hex, isPipeline, toHex } from '@nacre/verify'
import { CliError } from './errors.ts'
import { takeGguf } from './models/languageModel.ts'
import { REPOSITORY, type StatePaths } from './paths.ts'
import { quoted, stateFlag } from './shell.ts'

/** A model that a development network serves. */
export type Model = {
  name: string
  title: string
  artifact: Hex
  path: string
  /** The command that takes it out, of an added one. */
  removal: string | undefined
}

const MODELS = join(REPOSITORY, 'models')
const MAX_MODEL = 32 * 1024 * 1024
/** `nacre request` takes them for its verbs. */
const VERBS = ['expire', 'watch', 'help']

/** The repository's models and those added to this network, without language models; every file is checked against its hash. */
export function readCatalog(paths: StatePaths): Model[] {
  const own = JSON.parse(readFileSync(join(MODELS, 'index.json'), 'utf8')) as Entry[]
  return [
    ...own.map(entry => modelOf(entry, MODELS, undefined)),
    ...addedTo(paths)
      .filter(entry => !isLanguageModel(entry))
      .map(entry => addedModel(paths, entry)),
  ]
}

/** The repository's models that no network serves: they are there to be proven. */
export function readZkModels(): Model[] {
  const folder = join(MODELS, 'zk')
  const own = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as Entry[]
  return own.map(entry => modelOf(entry, folder, undefined))
}

/**
 * Language models, the repository's and those added to this network: GGUF files. Added ones can be many gigabytes, and are
 * checked by their size alone: the enclave hashes what it is given.
 */
export function readLanguageModels(paths: StatePaths): Model[] {
  const own = JSON.parse(readFileSync(join(MODELS, 'language', 'index.json'), 'utf8')) as Entry[]
  return [
    ...own.map(entry => modelOf(entry, MODELS, undefined)),
    ...addedTo(paths)
      .filter(isLanguageModel)
      .map(entry => addedLanguageModel(paths, entry)),
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

/** A file that is to become a model. */
export type Candidate = { file: string; bytes: Uint8Array; artifact: Hex }

/**
 * Copies a model, ONNX or a pipeline, into a network's state, once `open` has found that an enclave takes it; it is announced at the
 * network's next start. The same bytes again are the model that they are already.
 */
export async function addModel(
  paths: StatePaths,
  file: string,
  {
    name = basename(file, extname(file)),
    open,
  }: { name?: string | undefined; open: (model: Candidate) => Promise<void> },
): Promise<Model> {
  const bytes = readModel(file, 'give the path of an ONNX file or a pipeline')
  const artifact = sha256Of(bytes)
  const same = all(paths).find(model => model.artifact === artifact)
  if (same) return same
  checkName(paths, name)
  await open({ file, bytes, artifact })
  mkdirSync(paths.models, { recursive: true })
  const copy = `${artifact.slice(2)}${isPipeline(bytes) ? '.pipeline' : '.onnx'}`
  writeFileSync(join(paths.models, copy), bytes)
  const entry = { name, title: basename(file), file: copy, sha256: artifact }
  writeIndex(paths, [...addedTo(paths), entry])
  return addedModel(paths, entry)
}

/**
 * Brings a language model, a GGUF file, into a network's state; it is served from the network's next start on. `isOurs` says that the
 * file lies in the state's folder of models and is moved. The same bytes again are the model that they are already.
 * @throws CliError bad-file, bad-input
 */
export async function addLanguageModel(
  paths: StatePaths,
  file: string,
  { name, sha256, isOurs }: { name: string; sha256: string | undefined; isOurs: boolean },
): Promise<Model> {
  const known = all(paths).find(model => model.artifact === `0x${sha256}`)
  if (!known) checkName(paths, name)
  mkdirSync(paths.models, { recursive: true })
  const taken = await takeGguf(file, paths.models, { isOurs, sha256 })
  const same = all(paths).find(model => model.artifact === `0x${taken.sha256}`)
  if (same) {
    const copy = join(paths.models, taken.file)
    if (copy !== same.path) rmSync(copy, { force: true })
    return same
  }
  const entry: Entry = {
    name,
    title: basename(isOurs ? name : file),
    file: taken.file,
    sha256: `0x${taken.sha256}`,
    size: taken.size,
  }
  writeIndex(paths, [...addedTo(paths), entry])
  return addedLanguageModel(paths, entry)
}

/** Takes an added model out of a network's state, whatever became of its file. */
export function removeModel(paths: StatePaths, name: string): { name: string; artifact: Hex } {
  const added = addedTo(paths)
  const entry = added.find(one => one.name === name || one.sha256 === name)
  if (!entry) throw notAdded(name, added)
  // A crash in between leaves a file too many, which harms nothing.
  writeIndex(
    paths,
    added.filter(one => one !== entry),
  )
  rmSync(join(paths.models, entry.file), { force: true })
  return { name: entry.name, artifact: entry.sha256 }
}

type Entry = { name: string; title: string; file: string; sha256: Hex; size?: number }

function all(paths: StatePaths): Model[] {
  return [...readCatalog(paths), ...readLanguageModels(paths)]
}

/** A model's name is its own, whatever kind it is of. @throws CliError bad-input */
export function checkName(paths: StatePaths, name: string): void {
  const isTaken = VERBS.includes(name) || all(paths).some(model => model.name === name)
  if (isTaken || !/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name)) throw badName(name)
}

function isLanguageModel({ file }: Entry): boolean {
  return file.endsWith('.gguf')
}

function addedLanguageModel(paths: StatePaths, { name, title, file, sha256, size }: Entry): Model {
  const path = join(paths.models, file)
  const removal = `nacre model remove ${quoted(name)}${stateFlag(paths)}`
  const found = statSync(path, { throwIfNoEntry: false })?.size
  if (found === size) return { name, title, artifact: sha256, path, removal }
  throw new CliError('bad-file', {
    what: `${path} is not the model ${name}`,
    why: found === undefined ? 'it is missing' : `it has ${found} bytes, and the model ${size}`,
    fix: `restore the file, or take the model out: ${removal}`,
  })
}

function addedTo(paths: StatePaths): Entry[] {
  const index = join(paths.models, 'index.json')
  return existsSync(index) ? JSON.parse(readFileSync(index, 'utf8')) : []
}

/** Whole before or after: a crash leaves no half of a list. */
function writeIndex(paths: StatePaths, entries: Entry[]): void {
  const index = join(paths.models, 'index.json')
  writeFileSync(`${index}.new`, JSON.stringify(entries, undefined, 2))
  renameSync(`${index}.new`, index)
}

function addedModel(paths: StatePaths, entry: Entry): Model {
  return modelOf(entry, paths.models, `nacre model remove ${quoted(entry.name)}${stateFlag(paths)}`)
}

function modelOf({ name, title, file, sha256 }: Entry, dir: string, removal: string | undefined): Model {
  const path = join(dir, file)
  const fix = `restore the file${removal ? `, or take the model out: ${removal}` : ''}`
  if (sha256Of(readModel(path, fix)) === sha256) return { name, title, artifact: sha256, path, removal }
  throw new CliError('bad-file', {
    what: `${path} is not the model ${name}`,
    why: `its SHA-256 is not ${sha256}`,
    fix,
  })
}

function readModel(path: string, fix: string): Uint8Array {
  try {
    const bytes = readFileSync(path)
    if (bytes.length > 0 && bytes.length <= MAX_MODEL) return bytes
    throw new Error(`it has ${bytes.length} bytes, and 1 to ${MAX_MODEL} are accepted`)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CliError('bad-file', { what: `the model ${path} cannot be read`, why, fix })
  }
}

function sha256Of(bytes: Uint8Array): Hex {
  return toHex(createHash('sha256').update(bytes).digest())
}

function notAdded(name: string, added: Entry[]): CliError {
  const names = added.map(entry => entry.name).join(', ')
  return new CliError('unknown-model', {
    what: `no model ${name} was added to this network`,
    why: names === '' ? 'none was; the repository’s own stay' : `those that were: ${names}`,
    fix: 'nacre model list names the models of a network, and --state another network',
  })
}

function badName(name: string): CliError {
  return new CliError('bad-input', {
    what: `${name} cannot be the name of a new model`,
    why: `names are lower-case letters, digits, dots, dashes; used once; and not ${VERBS.join(', ')}`,
    fix: 'choose another with --name',
  })
}
