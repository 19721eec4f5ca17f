import { expect, test } from 'vitest'
import { createOutput } from './output.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)

test('characters come whole, however tokens cut them, and half of one at the end not at all', () => {
  const output = createOutput([])
  const texts = [...utf8('é€😀'), 0xe2, 0x82].map(byte => output.add(Uint8Array.of(byte)).text)
  expect(texts).toEqual(['', 'é', '', '', '€', '', '', '', '😀', '', ''])
  expect(output.end()).toBe('')
})

test('bytes that are no text become the replacement character', () => {
  const output = createOutput([])
  expect(output.add(Uint8Array.of(0x41, 0xff, 0x42)).text).toBe('A\ufffdB')
  expect(output.add(utf8('\ufeffA')).text).toBe('\ufeffA')
})

test('what may become a stop sequence is held back, and told when it does not', () => {
  const output = createOutput(['END', 'NDX'])
  const add = (text: string) => output.add(utf8(text))
  expect(add('a E')).toEqual({ text: 'a ', stopped: false })
  expect(add('N')).toEqual({ text: '', stopped: false })
  expect(add('a')).toEqual({ text: 'ENa', stopped: false })
  expect(add('EN')).toEqual({ text: '', stopped: false })
  expect(output.end()).toBe('EN')
})

test('the text ends before the first stop sequence that appears', () => {
  const stops = ['bc', 'abcd', '😀']
  const run = (...parts: string[]) => {
    const output = createOutput(stops)
    return parts.map(part => output.add(utf8(part)))
  }
  expect(run('xabcd')).toEqual([{ text: 'x', stopped: true }])
  expect(run('xab', 'cx')).toEqual([
    { text: 'x', stopped: false },
    { text: 'a', stopped: true },
  ])
  expect(run('x😀y')).toEqual([{ text: 'x', stopped: true }])
})
