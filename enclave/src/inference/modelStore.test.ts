import type { Hex } from '@nacre/verify'
import { expect, test } from 'vitest'
import type { LanguageEngine } from './languageEngine.ts'
import { createModelStore } from './modelStore.ts'

test('a model that the engine cannot open again is offered no longer, until it can', async () => {
  const artifacts: Hex[] = [`0x${'11'.repeat(32)}`, `0x${'22'.repeat(32)}`]
  const out = new Set<Hex>()
  const engine: Partial<LanguageEngine> = {
    load: async () => ({ contextLength: 64, chat: true, tools: false, dimensions: 0 }),
    has: artifact => !out.has(artifact),
  }
  const store = createModelStore(engine as LanguageEngine, { maxArtifacts: 2, maxArtifactBytes: 1 })
  for (const [i, artifact] of artifacts.entries()) await store.declare({ id: `model-${i}`, artifact })
  const offered = () => store.list().map(({ id }) => id)
  expect(offered()).toEqual(['model-0', 'model-1'])
  out.add(artifacts[0]!)
  expect(offered()).toEqual(['model-1'])
  expect(() => store.get('model-0')).toThrow(expect.objectContaining({ code: 'not_ready' }))
  expect(() => store.get('model-2')).toThrow(expect.objectContaining({ code: 'model_not_found' }))
  out.clear()
  expect(store.get('model-0').artifact).toBe(artifacts[0])
})
