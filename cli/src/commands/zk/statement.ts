import { decodeZkStatement, fromHex, type ReceiptBundle, STATUS, type ZkStatement } from '@nacre/verify'
import type { Output } from '../../output.ts'

/** What a receipt of the image `nacre-zk` says of a proof; undefined of every other receipt. @throws NacreError invalid-statement */
export function statementOf({ receipt, parameters, output }: ReceiptBundle): ZkStatement | undefined {
  if (parameters.engine !== 'nacre-zk@1' || receipt.status !== STATUS.ok) return undefined
  return decodeZkStatement(fromHex(output))
}

/** As --json has it. */
export function statementJson({
  model,
  proofHash,
  inputHash,
  outputHash,
  securityBits,
  outputs,
}: ZkStatement) {
  return {
    model,
    proof_hash: proofHash,
    input_hash: inputHash,
    output_hash: outputHash,
    security_bits: securityBits,
    outputs: outputs.map(({ dims, data }) => ({ dims, integers: Array.from(data, Number) })),
  }
}

const MOST_VALUES = 10

/** What an enclave verified, and what it did not run. */
export function printStatement(output: Output, statement: ZkStatement): void {
  const { model, proofHash, inputHash, securityBits, outputs } = statement
  output.line(
    `An enclave verified a proof; it did not run the model. ${securityBits} bits, committed weights:`,
  )
  output.line(`  model   ${model}`)
  output.line(`  proof   ${proofHash}`)
  output.line(`  input   ${inputHash}`)
  for (const { dims, data } of outputs) {
    const values = Array.from(data.slice(0, MOST_VALUES), Number).join(', ')
    output.line(`  output  [${dims.join(', ')}] ${values}${data.length > MOST_VALUES ? ', …' : ''}`)
  }
}
