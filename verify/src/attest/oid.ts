import { type Hex, toHex } from '../bytes.ts'

/** An object identifier, such as 1.2.840.10045.4.3.3, as hex of its DER content (X.690, section 8.19). */
export function oid(dotted: string): Hex {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return toHex(Uint8Array.from([40 * first + second, ...rest].flatMap(base128)))
}

function base128(number: number): number[] {
  const bytes = [number % 128]
  for (let rest = Math.floor(number / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift(0x80 | (rest % 128))
  }
  return bytes
}
