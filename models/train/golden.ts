import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { encodeTensor, toHex } from '@nacre/verify'
import { batchOf, loadIndex, loadZkIndex, modelPath } from '../samples.ts'
import { runOnnx } from './runOnnx.ts'

const ROWS = 5

/** Writes vectors/models/NAME.json: what onnxruntime-node's CPU answers to the first held-out samples. */
for (const { name, sha256 } of [...loadIndex(), ...loadZkIndex()]) {
  const input = batchOf(name, ROWS)
  const output = await runOnnx(readFileSync(modelPath(name)), input)
  const vector = {
    model: name,
    artifact: sha256,
    engine: 'onnxruntime-node@1.30.0/cpu',
    cpu: cpus()[0]?.model ?? 'unknown',
    input: toHex(encodeTensor(input)),
    output: toHex(encodeTensor(output)),
  }
  const target = new URL(`../../vectors/models/${name}.json`, import.meta.url)
  writeFileSync(target, `${JSON.stringify(vector, null, 2)}\n`)
}
