import { abiEncode } from './abi.ts'
import { type Hex, utf8 } from './bytes.ts'
import { keccak256 } from './hash.ts'

/** Who asked: a contract through a relay, or a client with a nonce of its own (32 bytes). */
export type Origin =
  | { type: 'relay'; relay: Hex; consumer: Hex; nonce: bigint }
  | { type: 'client'; nonce: Hex }

const CLIENT_REQUEST = keccak256(utf8('nacre.client-request'))

/**
 * Request id (docs/protocol.md, Receipt). A client request does not depend on the chain: the client's nonce must
 * be random.
 * @throws NacreError invalid-hex, integer-out-of-range
 */
export function requestId(chainId: bigint, origin: Origin): Hex {
  if (origin.type === 'client')
    return keccak256(abiEncode(['bytes32', CLIENT_REQUEST], ['bytes32', origin.nonce]))
  return keccak256(
    abiEncode(
      ['uint256', chainId],
      ['address', origin.relay],
      ['address', origin.consumer],
      ['uint64', origin.nonce],
    ),
  )
}
