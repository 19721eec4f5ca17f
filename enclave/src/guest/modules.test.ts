import { fstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadModules } from './modules.ts'

let folder: string
let loaded: number[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nacre-'))
  loaded = []
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A kernel that refuses modules of these sizes with these numbers. */
const kernel = (refused: Record<number, number> = {}) => ({
  loadModule(file: number) {
    const { size } = fstatSync(file)
    if (refused[size] !== undefined) throw Object.assign(new Error('refused'), { errno: refused[size] })
    loaded.push(size)
  },
})

function write(list: string, sizes: Record<string, number>): void {
  writeFileSync(join(folder, 'list'), list)
  for (const [name, size] of Object.entries(sizes))
    writeFileSync(join(folder, `${name}.ko`), ' '.repeat(size))
}

test('loads what the list names, in its order, and nothing else', () => {
  write('b\na\n', { a: 1, b: 2, c: 3 })
  loadModules(kernel(), folder)
  expect(loaded).toEqual([2, 1])
})

test('a module of a device that is not there is passed over', () => {
  write('a\nb\n', { a: 1, b: 2 })
  loadModules(kernel({ 1: 19 }), folder)
  expect(loaded).toEqual([2])
})

test.each([1, 8, 22])('any other failure is one, with the module’s name: errno %i', errno => {
  write('a\nb\n', { a: 1, b: 2 })
  expect(() => loadModules(kernel({ 1: errno }), folder)).toThrow(/^a: .*refused/)
  expect(loaded).toEqual([])
})

test('a module that is named and missing is a failure', () => {
  write('a\n', {})
  expect(() => loadModules(kernel(), folder)).toThrow('ENOENT')
})

test('a kernel without modules needs no list', () => {
  loadModules(kernel(), folder)
  expect(loaded).toEqual([])
})
