import { z } from 'zod'
import { FatalError } from '../common/errors.ts'

/** Twice what geth's standard takes, so that a hostile file costs seconds and a quarter of a gigabyte at most. */
const MAX_MEMORY = 256 * 1024 * 1024
const MAX_WORK = 2 ** 22
const MAX_ROUNDS = 10_000_000
const MAX_TEXT = 8_192

const hex = (least: number, most = least) =>
  z
    .string()
    .regex(new RegExp(`^([0-9a-fA-F]{2}){${least},${most}}$`), `must be ${least} bytes in hex, without 0x`)
const positive = z.int().min(1)

const scryptParams = z
  .object({ dklen: z.literal(32), n: positive, r: positive, p: positive, salt: hex(8, 64) })
  .refine(({ n }) => n > 1 && Number.isInteger(Math.log2(n)), 'n must be a power of two')
  .refine(({ n, r }) => 128 * n * r <= MAX_MEMORY, `n and r need more than ${MAX_MEMORY} bytes of memory`)
  .refine(({ n, r, p }) => n * r * p <= MAX_WORK, `n, r and p ask for more work than ${MAX_WORK} blocks`)

const pbkdf2Params = z.object({
  dklen: z.literal(32),
  c: positive.max(MAX_ROUNDS),
  prf: z.literal('hmac-sha256'),
  salt: hex(8, 64),
})

const cipher = {
  cipher: z.literal('aes-128-ctr'),
  cipherparams: z.object({ iv: hex(16) }),
  ciphertext: hex(32),
  mac: hex(32),
}

/** Other programs put fields of their own beside these; they are ignored. */
const keystore = z.object({
  version: z.literal(3),
  id: z.string().max(64),
  address: hex(20)
    .transform(text => text.toLowerCase())
    .optional(),
  crypto: z.discriminatedUnion('kdf', [
    z.object({ kdf: z.literal('scrypt'), kdfparams: scryptParams, ...cipher }),
    z.object({ kdf: z.literal('pbkdf2'), kdfparams: pbkdf2Params, ...cipher }),
  ]),
})

export type Keystore = z.infer<typeof keystore>

/**
 * A keystore's fields, all within bounds: nothing is derived from a file before.
 * @throws FatalError KEYSTORE_INVALID
 */
export function parseKeystore(text: string): Keystore {
  if (text.length > MAX_TEXT) throw invalid(`it has more than ${MAX_TEXT} characters`)
  const result = keystore.safeParse(lowerCase(json(text)))
  if (result.success) return result.data
  throw invalid(
    result.error.issues.map(issue => `${issue.path.join('.') || 'it'}: ${issue.message}`).join('; '),
  )
}

/** ethers writes `Crypto`, and geth reads names without regard to case. */
function lowerCase(value: unknown): unknown {
  const capital = typeof value === 'object' && value !== null && 'Crypto' in value && !('crypto' in value)
  return capital ? { ...value, crypto: value.Crypto } : value
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid('it is not JSON')
  }
}

function invalid(why: string): FatalError {
  return new FatalError('KEYSTORE_INVALID', `This is no keystore of version 3 that is used here: ${why}.`, {
    fix: 'Name a keystore file of geth, cast or nacre; make one with nacre operator key new or import.',
  })
}
