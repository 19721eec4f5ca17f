import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type Anvil, startAnvil } from '@nacre/host'
import { proveP384 } from '@nacre/sdk/attest/p384/hint'
import { afterAll, beforeAll, expect, test } from 'vitest'
import file from '../../../vectors/wycheproof/p384.json' with { type: 'json' }
import { compile } from './compile.ts'
import { type Call, deployAll, verdictsOf } from './contract.ts'
import { proveAgain } from './forge.ts'
import type { FuzzResult } from './fuzz.ts'
import { decodeHint, decodeStatement, type Statement } from './hint.ts'
import { isSignature } from './oracle.ts'

/** The contract against @noble/curves and against Wycheproof. The long run may start at a later case: NACRE_FUZZ_FROM. */
const LONG = process.env.NACRE_LONG === '1'
const CASES = Number(process.env.NACRE_FUZZ_CASES ?? (LONG ? 100_000 : 300))
const FROM = Number(process.env.NACRE_FUZZ_FROM ?? 0)

let chain: Anvil
let address: `0x${string}`

beforeAll(async () => {
  chain = await startAnvil({ args: ['--no-request-size-limit'] })
  address = (await deployAll(chain.rpcUrl, compile({ P384: [] }))).get('P384')!
})
afterAll(() => chain?.stop())

test(`${CASES} signatures, of which three in eight are changed: as @noble/curves says`, {
  timeout: LONG ? 86_400_000 : 600_000,
}, async () => {
  // the short run shares the machine with tests of whole networks
  const workers = LONG ? availableParallelism() : 1
  const share = Math.ceil((CASES - FROM) / workers)
  const ranges = Array.from({ length: workers }, (_, i) => FROM + i * share)
  const results = await Promise.all(ranges.map(from => run(from, Math.min(from + share, CASES))))
  expect(results.flatMap(({ failures }) => failures)).toEqual([])
  const sum = (key: 'cases' | 'accepted' | 'refused') =>
    results.reduce((total, result) => total + result[key], 0)
  expect(sum('cases')).toBe(CASES - FROM)
  expect(sum('accepted')).toBeGreaterThan(sum('refused'))
  expect(sum('refused')).toBeGreaterThan((CASES - FROM) / 4)
})

/** A process for each processor: making hints is most of the work. */
async function run(from: number, to: number): Promise<FuzzResult> {
  const args = [`--rpc=${chain.rpcUrl}`, `--address=${address}`, `--from=${from}`, `--to=${to}`]
  const child = spawn(process.execPath, [join(import.meta.dirname, 'fuzz.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', data => (output += data))
  try {
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
  } finally {
    child.kill('SIGKILL')
  }
  return JSON.parse(output)
}

type Vector = { id: number; valid: boolean; statement: Statement; bytes: Uint8Array }

/** Those whose signature has two numbers of 48 bytes: for others there is no statement. */
function vectors(): { fit: Vector[]; other: { id: number; valid: boolean }[] } {
  const all = file.groups.flatMap(({ point, tests }) =>
    tests.map(([id, message, signature, result]) => {
      const digest = createHash('sha384')
        .update(Buffer.from(`${message}`, 'hex'))
        .digest()
      const sent = Buffer.from(`${signature}`, 'hex')
      const bytes = Buffer.concat([digest, sent, Buffer.from(point.slice(2), 'hex')])
      return { id: Number(id), valid: result === 'valid', bytes, size: sent.length }
    }),
  )
  const fit = all.filter(({ size }) => size === 96)
  return {
    fit: fit.map(vector => ({ ...vector, statement: decodeStatement(vector.bytes) })),
    other: all.filter(({ size }) => size !== 96),
  }
}

test('Wycheproof: what is valid is accepted with an honest hint; what is not has none, and no other serves', async () => {
  const { fit, other } = vectors()
  expect(fit.length + other.length).toBe(file.numberOfTests)
  expect(other.filter(({ valid }) => valid)).toEqual([])
  expect(fit.filter(({ valid, statement }) => valid !== isSignature(statement)).map(({ id }) => id)).toEqual(
    [],
  )

  const [valid, invalid] = [fit.filter(vector => vector.valid), fit.filter(vector => !vector.valid)]
  expect(valid.length).toBeGreaterThan(100)
  const honest = valid.map(({ bytes }) => ({ statement: bytes, hint: proveP384(bytes) }))
  expect(await refusedAmong(honest, valid)).toEqual([])

  for (const { bytes } of invalid) expect(() => proveP384(bytes)).toThrow()
  const adversarial = invalid.map(({ bytes, statement }, i) => {
    const borrowed = decodeHint(honest[i % honest.length]!.hint)!
    return { statement: bytes, hint: proveAgain(statement, borrowed) }
  })
  expect(await refusedAmong(adversarial, invalid)).toEqual(invalid.map(({ id }) => id))
})

async function refusedAmong(calls: Call[], of: Vector[]): Promise<number[]> {
  const verdicts = await verdictsOf(chain.rpcUrl, address, calls)
  return of.filter((_, i) => verdicts[i] !== 'accepted').map(({ id }) => id)
}
