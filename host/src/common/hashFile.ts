import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { type Hex, toHex } from '@nacre/verify'

/** SHA-256 of a file of any size, through one small buffer: new memory for each piece costs more than the hash. */
export async function sha256File(path: string): Promise<Hex> {
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafe(2 ** 18)
  const file = await open(path)
  try {
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length)
      if (bytesRead === 0) return toHex(hash.digest())
      hash.update(piece.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}
