import { abiEncode } from './abi.ts'
import { concatAll, equalBytes, type Hex, toHex } from './bytes.ts'
import { NacreError } from './errors.ts'
import { keccak256 } from './hash.ts'
import { ASSURANCE } from './measurement.ts'
import { decodeTensor, encodeTensor, type Tensor } from './tensor.ts'

/**
 * What an enclave of the image `nacre-zk` says of a proof that it verified (docs/protocol.md, Proofs verified in an enclave): the
 * output that its receipt signs, and what `ZkStatement` reads in contracts.
 */
export type ZkStatement = {
  version: 1
  /** Of the proof, by its number among assurances. The receipt's own assurance says the registry. */
  proofKind: typeof ASSURANCE.zk
  /** The model's identity, its graph and committed weights (docs/zk-soundness.md, section 5). */
  model: Hex
  /** SHA-256 of the proof. It names the bytes, and what was shown say the other fields. */
  proofHash: Hex
  /** keccak-256 of the input's canonical bytes: int32, the batch first. */
  inputHash: Hex
  /** keccak-256 of the outputs' canonical bytes, one after the other. */
  outputHash: Hex
  /** -log2 of the chance that a false statement passes, rounded down. */
  securityBits: number
  /** int32, the batch first; integers whose scale the model's publisher says. */
  outputs: readonly Tensor[]
}

/** As many as a graph has. */
export const MAX_ZK_OUTPUTS = 8

const WORD = 32
/** The words before the outputs: seven fields, where the outputs begin, and their length. */
const HEAD = 9 * WORD

/** @throws NacreError integer-out-of-range, invalid-hex, invalid-tensor, too-large, invalid-statement */
export function encodeZkStatement(
  statement: Omit<ZkStatement, 'version' | 'proofKind' | 'outputHash'>,
): Uint8Array {
  const { model, proofHash, inputHash, securityBits, outputs } = statement
  const count = outputs.length
  if (count < 1 || count > MAX_ZK_OUTPUTS) throw invalid(`${count} outputs, not 1 to ${MAX_ZK_OUTPUTS}`)
  if (!outputs.every(({ dtype }) => dtype === 'int32')) throw invalid('an output is not int32')
  const tensors = concatAll(outputs.map(encodeTensor))
  const head = abiEncode(
    ['uint16', 1],
    ['uint8', ASSURANCE.zk],
    ['bytes32', model],
    ['bytes32', proofHash],
    ['bytes32', inputHash],
    ['bytes32', keccak256(tensors)],
    ['uint16', securityBits],
    ['uint256', HEAD - WORD],
    ['uint256', tensors.length],
  )
  return concatAll([head, tensors, new Uint8Array(-tensors.length & (WORD - 1))])
}

/**
 * Strict: these bytes are the only ones of the statement. Whether it is about the proof that was asked about, and who signed it,
 * says the receipt.
 * @throws NacreError invalid-statement, unsupported-version, invalid-tensor, too-large
 */
export function decodeZkStatement(bytes: Uint8Array): ZkStatement {
  if (bytes.length < HEAD) throw invalid(`${bytes.length} bytes, at least ${HEAD}`)
  const word = (i: number): Hex => toHex(bytes.subarray(WORD * i, WORD * (i + 1)))
  const [version, proofKind, bits, , length] = [0, 1, 6, 7, 8].map(i => BigInt(word(i))) as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ]
  if (version !== 1n) throw new NacreError('unsupported-version', `statement version ${version}, known: 1`)
  if (proofKind !== BigInt(ASSURANCE.zk))
    throw invalid(`a proof of kind ${proofKind}, known: ${ASSURANCE.zk}`)
  if (bits >> 16n !== 0n) throw invalid('its bits of security exceed 16 bits')
  if (length > BigInt(bytes.length - HEAD)) throw invalid('its outputs are cut short')
  const [model, proofHash, inputHash, outputHash] = [word(2), word(3), word(4), word(5)]
  const tensors = bytes.subarray(HEAD, HEAD + Number(length))
  if (keccak256(tensors) !== outputHash) throw invalid('its outputs have another hash')
  const outputs = splitTensors(tensors)
  const said = { model, proofHash, inputHash, securityBits: Number(bits), outputs }
  // The place of the outputs and what fills the last word, too.
  if (!equalBytes(encodeZkStatement(said), bytes)) throw invalid('its bytes are not canonical')
  return { version: 1, proofKind: ASSURANCE.zk, outputHash, ...said }
}

/** Tensors of int32 as they follow each other: each says its own length. */
function splitTensors(bytes: Uint8Array): Tensor[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tensors: Tensor[] = []
  for (let at = 0; at < bytes.length; ) {
    if (tensors.length === MAX_ZK_OUTPUTS) throw invalid(`more than ${MAX_ZK_OUTPUTS} outputs`)
    const rank = bytes[at + 2] ?? 0
    const header = 3 + 4 * rank
    if (header > bytes.length - at) throw invalid('an output is cut short')
    let size = 4
    for (let i = 0; i < rank; i++) size *= view.getUint32(at + 3 + 4 * i, true)
    const end = Math.min(bytes.length, at + header + size)
    tensors.push(decodeTensor(bytes.subarray(at, end)))
    at = end
  }
  return tensors
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-statement', `not a statement of a proof: ${reason}`)
}
