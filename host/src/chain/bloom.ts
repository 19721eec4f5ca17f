import { fromHex, type Hex } from '@nacre/verify'
import { keccak256 } from '../common/keccak.ts'

const BLOOM_BYTES = 256
const BLOOM = /^0x[0-9a-f]{512}$/i

/**
 * Whether a block may hold events of this address, by the bloom of its header (Yellow Paper, 4.3.1): a no is certain, a
 * yes is not. What is no bloom is a maybe: a node that sends one hides no event by it, and ends no agent.
 */
export function mayHoldEvents(logsBloom: Hex | null, address: Hex): boolean {
  if (logsBloom === null || !BLOOM.test(logsBloom)) return true
  const bloom = fromHex(logsBloom.toLowerCase() as Hex)
  const hash = fromHex(keccak256(fromHex(address.toLowerCase() as Hex)))
  return [0, 2, 4].every(at => {
    const bit = ((hash[at]! << 8) | hash[at + 1]!) & 2047
    return (bloom[BLOOM_BYTES - 1 - (bit >> 3)]! & (1 << (bit & 7))) !== 0
  })
}
