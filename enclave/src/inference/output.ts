import { createHash } from 'node:crypto'
import type { Hex } from '@nacre/verify'
import { createKeccak256 } from '../keccak.ts'
import type { Outlet } from './outlet.ts'

/** The bytes of an answer on their way out, hashed as they go: what a receipt is over. */
export type Output = {
  /** @throws Gone, and then it is none of the output */
  write(text: string): Promise<void>
  /** How many bytes went out. */
  size(): number
  hashes(): { outputHash: Hex; outputSha256: string }
}

export function createOutput(outlet: Outlet): Output {
  const keccak = createKeccak256()
  const sha256 = createHash('sha256')
  let size = 0
  return {
    async write(text) {
      if (outlet.gone.aborted) throw outlet.gone.reason
      const bytes = Buffer.from(text)
      keccak.update(bytes)
      sha256.update(bytes)
      size += bytes.length
      await outlet.write(bytes)
    },
    size: () => size,
    hashes: () => ({ outputHash: keccak.digest(), outputSha256: sha256.copy().digest('hex') }),
  }
}
