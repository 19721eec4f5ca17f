/** `node models/language/quantise.ts FOLDER FILE`: the weights that train.py wrote, as a GGUF file. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { Bpe } from '../gguf/bpe.ts'
import { FILE_TYPES, shapeMetadata, tensorsOf, type Weights } from '../gguf/shapes.ts'
import { writeGguf } from '../gguf/write.ts'
import { NAME, SHAPE, TYPE } from './settings.ts'
import { wordsTokenizer } from './tokenizer.ts'

const [folder, file] = process.argv.slice(2)
if (folder === undefined || file === undefined)
  throw new Error('usage: node models/language/quantise.ts FOLDER FILE')

type Training = { tensors: Record<string, [start: number, count: number]> }
const { tensors } = JSON.parse(readFileSync(join(folder, 'training.json'), 'utf8')) as Training
const bpe = JSON.parse(readFileSync(join(folder, 'bpe.json'), 'utf8')) as Bpe
const descriptor = openSync(join(folder, 'weights.f32'), 'r')
const weights: Weights = (name, dims) => {
  const [first, count] = tensors[name] ?? []
  if (count !== dims.reduce((all, one) => all * one, 1))
    throw new Error(`weight ${name} is missing or of another size`)
  return (into, start) => {
    const bytes = Buffer.from(into.buffer)
    for (let at = 0; at < bytes.length; )
      at += readSync(descriptor, bytes, at, bytes.length - at, 4 * (first! + start) + at)
  }
}
const metadata = {
  ...shapeMetadata('llama', SHAPE),
  'general.name': { string: NAME },
  'general.description': { string: 'Definitions of English words, learned from WordNet 3.0' },
  'general.license': { string: 'other' },
  'general.license.name': { string: 'WordNet 3.0 license; models/words.license.txt' },
  'general.file_type': { u32: FILE_TYPES[TYPE] },
  ...wordsTokenizer(bpe),
}
const { size, sha256 } = writeGguf(file, { metadata, tensors: tensorsOf('llama', SHAPE, TYPE, weights) })
closeSync(descriptor)
console.log(`${file}: ${size} bytes, SHA-256 ${sha256}`)
