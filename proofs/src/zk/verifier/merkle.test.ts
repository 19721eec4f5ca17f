import { concat, equalBytes } from '@nacre/verify/bytes'
import { expect, test } from 'vitest'
import { answer, commit } from '../slow/commit.ts'
import { leadsTo, leafHash, rootOf } from './merkle.ts'

const rows = Array.from({ length: 3 }, (_, r) => Array.from({ length: 64 }, (_, i) => BigInt(1 + r + 7 * i)))
const commitment = commit(rows)
const top = concat(...commitment.levels[6]!)

test('every column leads to its node of level 6, and those to the root', () => {
  expect(equalBytes(rootOf(top), commitment.root)).toBe(true)
  for (let position = 0; position < 256; position++) {
    const [column, ...path] = answer(commitment, position)
    expect(leadsTo(top, leafHash(position, column!), position, concat(...path))).toBe(true)
  }
})

test('another column, position, hash or number of rows leads elsewhere', () => {
  const [column, ...path] = answer(commitment, 77) as [Uint8Array, ...Uint8Array[]]
  const leads = (index: number, bytes: Uint8Array, place: number, hashes: Uint8Array): boolean =>
    leadsTo(top, leafHash(index, bytes), place, hashes)
  const changed = (bytes: Uint8Array, at: number): Uint8Array => bytes.with(at, bytes[at]! ^ 1)
  const beside = concat(...path)
  expect(leads(77, column, 77, beside)).toBe(true)
  expect(leads(76, column, 77, beside)).toBe(false)
  expect(leads(77, column, 76, beside)).toBe(false)
  expect(leads(77, column, 77 + 128, beside)).toBe(false)
  expect(leads(77, concat(column, new Uint8Array(4)), 77, beside)).toBe(false)
  for (let at = 0; at < column.length; at++) expect(leads(77, changed(column, at), 77, beside)).toBe(false)
  for (let at = 0; at < beside.length; at++) expect(leads(77, column, 77, changed(beside, at))).toBe(false)
})
