import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadDigits } from './data/digits.ts'
import { loadIris } from './data/iris.ts'
import { trainDigitsMlp } from './digitsMlp.ts'
import { trainDigitsTransformer } from './digitsTransformer.ts'
import type { Epoch } from './fit.ts'
import { trainIrisMlp } from './irisMlp.ts'
import { trainIrisOls } from './irisOls.ts'
import { trainLenet5 } from './lenet5.ts'
import type { Train, Trained } from './model.ts'
import { encodeOnnx } from './onnx.ts'
import { digitSamplesFile, irisSamplesFile } from './samplesFiles.ts'

const USAGE = `Trains the models in models/ and models/zk/ again from their data sets and writes their
*.onnx, index.json and models/*.samples.json. The same sources give the same bytes.

  npm run train [-- OPTIONS]

  --model NAME   only this one: iris-ols, iris-mlp, lenet5 (about 3 minutes on one core),
                 digits-mlp (2 minutes) or digits-transformer (5 minutes)
  --check        write nothing; exit 1 unless the bytes equal the committed ones
  --dir FOLDER   write to this folder, or compare with it, instead of models/
  --help         this text`

const MODELS: Readonly<Record<string, Train>> = {
  'iris-ols': trainIrisOls,
  'iris-mlp': trainIrisMlp,
  lenet5: trainLenet5,
  'digits-mlp': trainDigitsMlp,
  'digits-transformer': trainDigitsTransformer,
}

/** Folder in models/, with an index of its own, of models that no network serves. */
const folderOf = (name: string): string => (name.startsWith('digits-') ? 'zk/' : '')

/** File names in models/ and what training says they hold. */
type Files = Map<string, Uint8Array>
type Entry = { name: string; [key: string]: unknown }

process.exitCode = main(process.argv.slice(2))

/** Exit codes: 0 done, 1 bytes differ (--check), 2 wrong use. */
function main(argv: string[]): number {
  const options = readOptions(argv)
  if (typeof options === 'string') return fail(options)
  if (options.help) return say(USAGE)
  const dir = options.dir ?? join(import.meta.dirname, '..')
  const files = trainAll(dir, options.model ? [options.model] : Object.keys(MODELS))
  return options.check ? compare(dir, files) : write(dir, files)
}

function readOptions(argv: string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = { model: text, dir: text, check: flag, help: flag }
  try {
    const { values } = parseArgs({ args: argv, options })
    if (values.model === undefined || Object.hasOwn(MODELS, values.model)) return values
    return `unknown model "${values.model}"; known: ${Object.keys(MODELS).join(', ')}`
  } catch (error) {
    return (error as Error).message
  }
}

function trainAll(dir: string, names: readonly string[]): Files {
  const files: Files = new Map()
  for (const name of names) {
    const trained = MODELS[name]!(progress(name))
    const onnx = encodeOnnx(trained.graph)
    say(`${name}: ${(trained.accuracy * 100).toFixed(1)} % of ${trained.heldOut} held-out samples right`)
    const index = `${folderOf(name)}index.json`
    files.set(`${folderOf(name)}${name}.onnx`, onnx)
    files.set(index, withEntry(files.get(index) ?? readFile(dir, index), describe(name, trained, onnx)))
  }
  if (names.some(name => name.startsWith('iris'))) files.set('iris.samples.json', irisSamplesFile(loadIris()))
  if (names.includes('lenet5')) files.set('digits.samples.json', digitSamplesFile(loadDigits()))
  return files
}

/** The bytes of an index with this entry in the place of the one of its name. */
function withEntry(index: Uint8Array | undefined, entry: Entry): Uint8Array {
  const entries = JSON.parse(index ? Buffer.from(index).toString() : '[]') as Entry[]
  const order = Object.keys(MODELS)
  const all = [...entries.filter(({ name }) => name !== entry.name), entry]
  all.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
  return Buffer.from(`${JSON.stringify(all, null, 2)}\n`)
}

function describe(name: string, { graph, title, ...facts }: Trained, onnx: Uint8Array): Entry {
  const sha256 = createHash('sha256').update(onnx).digest('hex')
  return {
    name,
    file: `${name}.onnx`,
    sha256: `0x${sha256}`,
    title,
    input: graph.input,
    output: graph.output,
    ...facts,
  }
}

/** Shows each epoch; on a terminal one line that changes, else about twenty lines in all. */
function progress(name: string): (epoch: Epoch) => void {
  const start = Date.now()
  return ({ epoch, epochs, loss, accuracy }) => {
    const left = Math.round(((Date.now() - start) / epoch / 1000) * (epochs - epoch))
    const line = `${name}: epoch ${epoch}/${epochs}, loss ${loss.toFixed(4)}, accuracy ${(accuracy * 100).toFixed(2)} %, ${left} s left`
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}${epoch === epochs ? '\n' : ''}`)
    else if (epoch % Math.ceil(epochs / 20) === 0) say(line)
  }
}

function write(dir: string, files: Files): number {
  for (const [file, bytes] of files) {
    mkdirSync(dirname(join(dir, file)), { recursive: true })
    writeFileSync(join(dir, file), bytes)
  }
  return say(`wrote ${[...files.keys()].join(', ')}`)
}

function compare(dir: string, files: Files): number {
  const different = [...files]
    .filter(([file, bytes]) => !readFile(dir, file)?.equals(bytes))
    .map(([file]) => file)
  if (different.length === 0) return say(`same bytes: ${[...files.keys()].join(', ')}`)
  process.stderr.write(`${dir} differs from what training gives: ${different.join(', ')}\n`)
  process.stderr.write('If the training was changed on purpose, run `npm run train` and commit the result.\n')
  return 1
}

function readFile(dir: string, file: string): Buffer | undefined {
  try {
    return readFileSync(join(dir, file))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function say(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

function fail(text: string): number {
  process.stderr.write(`${text}\nSee npm run train -- --help\n`)
  return 2
}
