import { expect, test } from 'vitest'
import { messageOf, NacreError } from './errors.ts'

test('an error carries its code, fix and cause; other packages bring codes of their own', () => {
  const cause = new Error('why')
  const error = new NacreError<'mine'>('mine', 'what', { fix: 'do this', cause })
  expect(error).toMatchObject({ name: 'NacreError', code: 'mine', message: 'what', fix: 'do this', cause })
  expect(new NacreError<'mine'>('mine', 'what').fix).toBeUndefined()
  expect([messageOf(error), messageOf('text')]).toEqual(['what', 'text'])
})
