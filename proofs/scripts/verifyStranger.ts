/**
 * For a test: verifies the statement and the proof on standard input, in v8's serialisation, at the limits for
 * strangers, and prints whether it holds and how many bytes this process grew by.
 */
import { readFileSync } from 'node:fs'
import { deserialize } from 'node:v8'
import { STRANGER_LIMITS, verifyZk } from '../src/zk/index.ts'

const { proof, statement } = deserialize(readFileSync(0))
const kilobytes = (): number => process.resourceUsage().maxRSS
const before = kilobytes()
const { ok } = verifyZk(proof, statement, STRANGER_LIMITS)
console.log(JSON.stringify({ ok, bytes: 1000 * (kilobytes() - before) }))
