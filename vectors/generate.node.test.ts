import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { generateVectors } from './generate.ts'

test('the files are what the generator makes, no more and no less', async () => {
  const made = await generateVectors()
  const folders =
    'tensors pipelines receipts evidence batches bundles cases statements releases nitro sealed zk zk-statements'.split(
      ' ',
    )
  const kept = folders.flatMap(folder =>
    readdirSync(join(import.meta.dirname, folder))
      .filter(name => name.endsWith('.json'))
      .map(name => `${folder}/${name}`),
  )
  expect(kept.sort()).toEqual([...made.keys()].sort())
  for (const [path, text] of made)
    expect(readFileSync(join(import.meta.dirname, path), 'utf8'), path).toBe(text)
})
