import { decodeKey, keyHash } from '@nacre/proofs/zk/groth16/key'
import { commitmentBytes, packed, packingOf } from '@nacre/proofs/zk/groth16/packing'
import { poseidonChain } from '@nacre/proofs/zk/groth16/poseidon'
import { verifyGroth16 } from '@nacre/proofs/zk/groth16/verify'
import { decodeTensor } from '@nacre/verify'
import { fromHex, type Hex, toHex } from '@nacre/verify/bytes'
import { expect, test } from 'vitest'

type Vector = {
  artifact: Hex
  key: Hex
  inputRange: [number, number]
  input: Hex
  inputHash: Hex
  output: Hex
  proof: Hex
}

// Vite reads the files, so that a browser has them too.
const files: Record<string, Vector> = import.meta.glob('./*.json', { eager: true, import: 'default' })
const read = (name: string): Vector => files[`./${name}.json`]!
const valuesOf = (tensor: Hex): Int32Array => Int32Array.from(decodeTensor(fromHex(tensor)).data, Number)
const NAMES = Object.keys(files).map(file => file.slice(2, -'.json'.length))

test.each(NAMES)('%s: the proof holds, of this input and this output', name => {
  const { artifact, key, inputRange, input, inputHash, output, proof } = read(name)
  expect(toHex(keyHash(fromHex(key)))).toBe(artifact)
  const values = valuesOf(input)
  const packing = packingOf({ lo: inputRange[0], hi: inputRange[1] }, values.length)
  expect(toHex(commitmentBytes(poseidonChain([packing.header, ...packed(packing, values)])))).toBe(inputHash)
  const decoded = decodeKey(fromHex(key))
  expect(decoded.setup).toBe(name === 'ceremony' ? 'ceremony' : 'development')
  expect(decodeTensor(fromHex(output)).dims).toEqual(decoded.dims)
  const statement = { inputHash: fromHex(inputHash), output: valuesOf(output) }
  verifyGroth16(decoded, statement, fromHex(proof))
  for (const i of [0, statement.output.length - 1])
    expect(() =>
      verifyGroth16(
        decoded,
        { ...statement, output: statement.output.with(i, statement.output[i]! ^ 1) },
        fromHex(proof),
      ),
    ).toThrow(expect.objectContaining({ code: 'zk-invalid-proof' }))
})

test('there are four', () => {
  expect(NAMES.sort()).toEqual(['ceremony', 'iris-mlp', 'iris-ols', 'lenet5'])
})

test('no key takes another’s proof', () => {
  for (const key of NAMES)
    for (const name of NAMES) {
      const { inputHash, output, proof } = read(name)
      const decoded = decodeKey(fromHex(read(key).key))
      const statement = { inputHash: fromHex(inputHash), output: valuesOf(output) }
      if (key !== name) expect(() => verifyGroth16(decoded, statement, fromHex(proof))).toThrow()
    }
})
