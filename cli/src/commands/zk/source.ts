import { existsSync, readFileSync } from 'node:fs'
import { entryOf, type ModelName, sampleCount, sampleOf } from '../../../../models/samples.ts'
import { readBounded } from '../../attestation/files.ts'
import { findModel, readCatalog, readZkModels } from '../../catalog.ts'
import { CliError } from '../../errors.ts'
import { rowsOf } from '../../models/rows.ts'
import { statePaths } from '../../paths.ts'
import { badFile, stem } from './files.ts'

/** An ONNX file to compile. */
export type Source = { name: string; path: string; bytes: Uint8Array }

/** What to calibrate on; labels number the outputs, of models that tell classes apart. */
export type Samples = { rows: number[][]; labels?: number[] }

/** As parsing it is bounded, too. */
const MAX_ONNX = 2 ** 28
const MAX_SAMPLES = 2 ** 27

/** The model of this name in a network's catalog or of models/zk, or else the file. @throws CliError unknown-model, bad-file */
export function sourceOf(model: string, state: string): Source {
  const catalog = readCatalog(statePaths(state))
  const own = readZkModels().find(({ name, artifact }) => name === model || artifact === model)
  if (own) return { name: own.name, path: own.path, bytes: readFileSync(own.path) }
  const isKnown = catalog.some(({ name, artifact }) => name === model || artifact === model)
  // A path is never in a catalog: what is missing is a file then.
  if (isKnown || !(existsSync(model) || /[/\\]|\.onnx$/.test(model))) {
    const { name, path } = findModel(catalog, model)
    return { name, path, bytes: readFileSync(path) }
  }
  try {
    return { name: stem(model), path: model, bytes: readBounded(model, MAX_ONNX) }
  } catch (error) {
    throw badFile(`the model ${model} cannot be read`, error, 'give the path of an ONNX file')
  }
}

/** @throws CliError bad-file, bad-input */
export function samplesOf({ name }: Source, file: string | undefined): Samples {
  if (file !== undefined) return readSamples(file)
  const count = sampleCount(name)
  if (count > 0) return ownSamples(name as ModelName, count)
  throw new CliError('bad-input', {
    what: `there are no samples of ${name}`,
    why: 'integers are chosen by what real inputs make of every layer',
    fix: 'pass --samples FILE: a JSON list of inputs, each a list of numbers; a hundred or more',
  })
}

function readSamples(file: string): Samples {
  try {
    const value = JSON.parse(Buffer.from(readBounded(file, MAX_SAMPLES)).toString('utf8'))
    return Array.isArray(value) ? { rows: rowsOf(value) } : labelled(value)
  } catch (error) {
    throw badFile(
      `the samples ${file} cannot be used`,
      error,
      'give a JSON file of rows, [[5.1,3.5,1.4,0.2], …], or of {"rows": [[…], …], "labels": [0, …]}',
    )
  }
}

/** Labels beside rows: for each the number of the output that should be the largest. */
function labelled({ rows, labels, ...others }: { rows?: unknown; labels?: unknown }): Samples {
  const unknown = Object.keys(others)
  if (unknown.length > 0) throw new Error(`it has ${unknown.join(', ')} beside rows and labels`)
  const inputs = rowsOf(rows)
  if (!Array.isArray(labels) || !labels.every(label => Number.isInteger(label) && label >= 0))
    throw new Error('labels are no list of whole numbers')
  if (labels.length !== inputs.length) throw new Error(`${labels.length} labels for ${inputs.length} rows`)
  return { rows: inputs, labels }
}

/** Those that the model was not trained on. */
function ownSamples(name: ModelName, count: number): Samples {
  const samples = Array.from({ length: count }, (_, i) => sampleOf(name, i))
  const rows = samples.map(({ input }) => Array.from(input.data, Number))
  const { classes, output } = entryOf(name)
  if (output.dims.at(-1) !== classes.length) return { rows }
  return { rows, labels: samples.map(({ expected }) => classes.indexOf(expected)) }
}
