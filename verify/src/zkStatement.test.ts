import { describe, expect, test } from 'vitest'
import type { ZkInvalidStatement, ZkStatementVector } from '../../vectors/zk-statements/generate.ts'
import { concatAll, fromHex, toHex } from './bytes.ts'
import { keccak256 } from './hash.ts'
import { encodeTensor, type Tensor } from './tensor.ts'
import { decodeZkStatement, encodeZkStatement } from './zkStatement.ts'

// Vite reads the files, so that a browser has them too.
const files: Record<string, ZkStatementVector | ZkInvalidStatement> = import.meta.glob(
  '../../vectors/zk-statements/*.json',
  { eager: true, import: 'default' },
)
const statements = Object.entries(files).filter(
  (entry): entry is [string, ZkStatementVector] => 'artifact' in entry[1],
)
const invalid = Object.entries(files).filter(
  (entry): entry is [string, ZkInvalidStatement] => 'error' in entry[1],
)

test.each(statements)('%s: its fields, and again its bytes', (_, vector) => {
  const { model, proofHash, inputHash, outputHash, securityBits } = vector
  const bytes = fromHex(vector.statement)
  const statement = decodeZkStatement(bytes)
  expect(statement).toMatchObject({
    ...{ version: 1, proofKind: 3 },
    ...{ model, proofHash, inputHash, outputHash, securityBits },
  })
  expect(toHex(concatAll(statement.outputs.map(encodeTensor)))).toBe(vector.outputs)
  expect(keccak256(fromHex(vector.outputs))).toBe(outputHash)
  expect(toHex(encodeZkStatement(statement))).toBe(vector.statement)
  expect(keccak256(bytes)).toBe(vector.hash)
})

test.each(invalid)('%s is refused', (_, { statement, error }) => {
  expect(() => decodeZkStatement(fromHex(statement))).toThrow(expect.objectContaining({ code: error }))
})

describe('of every statement', () => {
  const [, { statement }] = statements[0]!
  const bytes = fromHex(statement)

  test('each beginning is refused', () => {
    for (let end = 0; end < bytes.length; end++)
      expect(() => decodeZkStatement(bytes.subarray(0, end))).toThrow()
  })

  test('a changed byte is another statement, or none', () => {
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 4 : byte))
      let again: Uint8Array | undefined
      try {
        again = encodeZkStatement(decodeZkStatement(changed))
      } catch {
        continue
      }
      expect(again).toEqual(changed)
    }
  })
})

test('outputs are one to eight tensors of int32', () => {
  const [, vector] = statements[0]!
  const of = (outputs: Tensor[]) => () =>
    encodeZkStatement({ ...decodeZkStatement(fromHex(vector.statement)), outputs })
  const one: Tensor = { dtype: 'int32', dims: [1], data: Int32Array.of(-5) }
  expect(decodeZkStatement(of(Array<Tensor>(8).fill(one))()).outputs).toHaveLength(8)
  expect(of([])).toThrow('0 outputs')
  expect(of(Array<Tensor>(9).fill(one))).toThrow('9 outputs')
  expect(of([{ dtype: 'float32', dims: [1], data: Float32Array.of(1) }])).toThrow('int32')
})
