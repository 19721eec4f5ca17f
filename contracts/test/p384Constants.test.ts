import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { B, DOUBLINGS, doubleOften, findOffset, N, P } from '../../sdk/src/attest/p384/curve.ts'
import { CONTRACTS } from '../scripts/forge.ts'

const source = readFileSync(join(CONTRACTS, 'src/attest/P384.sol'), 'utf8')
const offset = findOffset()
const end = doubleOften(offset, DOUBLINGS)

/** The low 192 bits of p and n alone are written out: the high ones are all ones. */
test.each([
  ['P_LOW', P % 2n ** 192n],
  ['N_LOW', N % 2n ** 192n],
  ['P_MINUS_N', P - N],
  ['B_HIGH', B >> 192n],
  ['B_LOW', B % 2n ** 192n],
  ['SX_HIGH', offset.x >> 192n],
  ['SX_LOW', offset.x % 2n ** 192n],
  ['SY_HIGH', offset.y >> 192n],
  ['SY_LOW', offset.y % 2n ** 192n],
  ['FX_HIGH', end.x >> 192n],
  ['FX_LOW', end.x % 2n ** 192n],
  ['FY_HIGH', end.y >> 192n],
  ['FY_LOW', end.y % 2n ** 192n],
  ['ONES', P >> 192n],
  ['ONES', N >> 192n],
  ['HALF', 2n ** 192n],
  ['QUARTER', 2n ** 128n],
])('%s in P384.sol is what the curve’s definition gives', (name, value) => {
  const [, digits] = new RegExp(`constant ${name} = (0x[0-9a-f]+);`).exec(source) ?? []
  expect(BigInt(digits ?? -1)).toBe(value)
})

test('the multiples are those of G and 2^192 G', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(CONTRACTS, 'scripts/p384Multiples.ts'), '--check'],
    { encoding: 'utf8' },
  )
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})
