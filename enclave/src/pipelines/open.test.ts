import { encodePipeline } from '@nacre/verify'
import { expect, test } from 'vitest'
import { ENDLESS, encodeModel, LINEAR } from '../../test/onnxModel.ts'
import { openPipeline } from './open.ts'

const manifest = { version: 1, pipeline: 'invoice-total', minConfidence: 700 } as const
const pipeline = (model: Uint8Array, characters: string) =>
  encodePipeline({ manifest, files: [model, Buffer.from(characters, 'latin1')] })

const linear = encodeModel(LINEAR)

test.each<[string, Uint8Array, string]>([
  ['a model of something else', pipeline(linear, 'a\nb'), 'no recognition of text lines with 4 classes'],
  ['another model of something else', pipeline(encodeModel(ENDLESS), 'a'), 'no recognition of text lines'],
  ['no model', pipeline(Buffer.from('model'), 'a'), 'model: '],
  ['two characters in a line', pipeline(linear, 'a\nbc'), 'not one a line'],
  ['an empty line', pipeline(linear, 'a\n\nb'), 'not one a line'],
  ['characters that are not UTF-8', pipeline(linear, '\xff'), 'not UTF-8'],
  ['a pipeline that is cut short', pipeline(linear, 'a').subarray(0, -1), 'cut short'],
])('refused: %s', async (_, bytes, reason) => {
  await expect(openPipeline(bytes)).rejects.toMatchObject({
    code: 'unsupported-model',
    message: expect.stringContaining(reason),
  })
})
