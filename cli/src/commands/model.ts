import { rmSync } from 'node:fs'
import { basename, extname } from 'node:path'
import {
  addLanguageModel,
  addModel,
  type Candidate,
  checkName,
  readCatalog,
  readLanguageModels,
  removeModel,
} from '../catalog.ts'
import { openInEnclave } from '../dev/openModel.ts'
import { createProgress } from '../dev/progress.ts'
import { CliError, EXIT } from '../errors.ts'
import { fetchModel } from '../models/fetchModel.ts'
import { isGguf, MAX_LANGUAGE_MODEL } from '../models/languageModel.ts'
import { createTransferProgress } from '../models/progress.ts'
import { readSource, type Source } from '../models/source.ts'
import { type Output, plain } from '../output.ts'
import { type StatePaths, statePaths } from '../paths.ts'
import { openState } from '../state.ts'
import { table } from '../table.ts'

export type AddOptions = { state: string; name?: string; sha256?: string }

/** `nacre model add FILE|URL|hf:OWNER/NAME/FILE`. */
export async function add(from: string, options: AddOptions, output: Output): Promise<number> {
  const source = readSource(from)
  const sha256 = readDigest(options.sha256)
  const paths = openState(options.state)
  const name = options.name ?? nameOf(source.type === 'file' ? source.path : source.name)
  const { name: added, artifact } =
    source.type === 'file'
      ? await addFile(paths, source.path, { name, sha256, isOurs: false }, output)
      : await addFetched(paths, source, { name, sha256 }, output)
  output.line(`${added}  ${artifact}`)
  output.line('Announced at the next start of nacre dev')
  output.result({ name: added, artifact })
  return EXIT.ok
}

type Wanted = { name: string; sha256: string | undefined }

async function addFetched(
  paths: StatePaths,
  source: Source & { type: 'url' },
  wanted: Wanted,
  output: Output,
) {
  checkName(paths, wanted.name)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort())
  const progress = createTransferProgress()
  const say = (text: string): void => void process.stderr.write(`${plain(text)}\n`)
  const fetched = await fetchModel(source, {
    folder: paths.models,
    sha256: wanted.sha256,
    maxBytes: MAX_LANGUAGE_MODEL,
    onProgress: progress.update,
    say,
    signal: stop.signal,
  }).finally(progress.end)
  if (fetched.expected === undefined)
    say(
      `nobody said what its digest should be: compare SHA-256 ${fetched.sha256} with the one of whoever made the model`,
    )
  try {
    return await addFile(paths, fetched.path, { ...wanted, sha256: fetched.sha256, isOurs: true }, output)
  } finally {
    rmSync(fetched.path, { force: true })
  }
}

async function addFile(
  paths: StatePaths,
  file: string,
  wanted: Wanted & { isOurs: boolean },
  output: Output,
) {
  if (await isGguf(file)) return addLanguageModel(paths, file, wanted)
  const progress = createProgress(output)
  const open = async (candidate: Candidate): Promise<void> => {
    if (wanted.sha256 !== undefined && candidate.artifact !== `0x${wanted.sha256}`)
      throw wrongDigest(candidate, wanted.sha256)
    await openInEnclave(candidate, progress)
  }
  return addModel(paths, file, { name: wanted.name, open })
}

/** What a file's name says, as the name of a model. */
function nameOf(file: string): string {
  return basename(file, extname(file)).toLowerCase()
}

function readDigest(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const [, digest] = /^(?:0x|sha256:)?([0-9a-f]{64})$/.exec(text.toLowerCase()) ?? []
  if (digest !== undefined) return digest
  throw new CliError('usage', {
    what: `--sha256 cannot be ${text.slice(0, 100)}`,
    why: 'it takes a SHA-256: 64 hex digits',
    fix: 'copy it from whoever made the model',
  })
}

function wrongDigest({ file, artifact }: Candidate, wanted: string): CliError {
  return new CliError('bad-file', {
    what: `${file} is not the model that was meant`,
    why: `its SHA-256 is ${artifact.slice(2)}, and ${wanted} was expected`,
    fix: 'get the file again, from whoever made it',
  })
}

/** `nacre model remove NAME`. */
export async function remove(name: string, options: { state: string }, output: Output): Promise<number> {
  const removed = removeModel(openState(options.state), name)
  output.line(`${removed.name}  ${removed.artifact}`)
  output.line('Removed. Its offers are taken back at the next start of nacre dev.')
  output.result(removed)
  return EXIT.ok
}

/** `nacre model list`. */
export async function list(options: { state: string }, output: Output): Promise<number> {
  const paths = statePaths(options.state)
  const models = [...readCatalog(paths), ...readLanguageModels(paths)]
  for (const line of table(
    ['name', 'title', 'artifact'],
    models.map(one => [one.name, one.title, one.artifact]),
  ))
    output.line(line)
  output.result({ models: models.map(({ name, title, artifact }) => ({ name, title, artifact })) })
  return EXIT.ok
}
