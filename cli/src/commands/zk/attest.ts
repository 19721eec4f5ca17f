import { MAX_PROOF_FILE } from '@nacre/proofs/zk/graph/proofFile'
import { encodeVerifyingKey, type VerifyingKey } from '@nacre/proofs/zk/graph/verifyingKey'
import { attestProof } from '@nacre/proofs/zk/verifier/attest'
import { createClient } from '@nacre/sdk'
import {
  type Check,
  decodeZkStatement,
  equalBytes,
  type Policy,
  type ReceiptBundle,
  receiptId,
  serializeBundle,
  sha256,
} from '@nacre/verify'
import { readBounded } from '../../attestation/files.ts'
import { findNetwork } from '../../dev/network.ts'
import { printChecks } from '../../dev/report.ts'
import { CliError, EXIT } from '../../errors.ts'
import { nodeCrypto } from '../../nodeCrypto.ts'
import { green, type Output, red, yellow } from '../../output.ts'
import { here } from '../../shell.ts'
import { policyOf } from '../receipt.ts'
import { badFile, readTrusted, stem, writeWhole } from './files.ts'
import { printStatement, statementJson } from './statement.ts'
import { say, warnNotHiding } from './told.ts'

export type AttestOptions = {
  operator?: string
  policy?: string
  release?: string
  developmentRoot?: string
  out?: string
  state: string
}

/**
 * `nacre zk attest KEY PROOF`: the proof is verified here, then by an operator's enclave, whose receipt must state the same. Others
 * rely on the receipt: contracts, and whoever trusts the TEE.
 */
export async function attest(
  path: string,
  proof: string,
  options: AttestOptions,
  output: Output,
): Promise<number> {
  const { graph, root } = readTrusted(path)
  const [bytes, expected] = verifyHere(proof, { graph, root })
  const artifact = sha256(encodeVerifyingKey({ graph, root }))
  const { url, policy } = targetOf(options)
  say(`verified here; asking ${url}`)
  const client = createClient({ url, policy, crypto: nodeCrypto })
  const { output: stated, bundle, verification } = await client.inferFile({ artifact, input: bytes })
  const checks = [...verification.checks, sameStatement(stated, expected)]
  const ok = checks.every(check => check.ok)
  const file = options.out ?? `${stem(proof)}.receipt.json`
  if (ok) writeWhole(file, new TextEncoder().encode(serializeBundle(bundle)))

  const statement = decodeZkStatement(expected)
  printChecks(output, checks)
  if (verification.assurance === 'simulated')
    output.line(yellow('  SIMULATED evidence: no hardware vouches for this answer.'))
  if (ok) {
    printStatement(output, statement)
    output.line(green(`All checks hold. The receipt: ${here(file)}`))
  } else output.line(red('The enclave states something else than the proof shows: do not use it.'))
  warnNotHiding(output)
  output.result({
    ok,
    artifact,
    receipt: idOf(bundle),
    ...statementJson(statement),
    checks,
    ...(ok && { file }),
    zero_knowledge: false,
  })
  return ok ? EXIT.ok : EXIT.checkFailed
}

/** The operator that was named, or the development network's, with what is accepted. @throws CliError not-running */
function targetOf(options: AttestOptions): { url: string; policy: Policy } {
  if (options.operator !== undefined) return { url: options.operator, policy: policyOf(options) }
  const { paths, proofs } = findNetwork(options.state)
  if (proofs !== undefined)
    return { url: proofs, policy: policyOf({ ...options, policy: options.policy ?? paths.policy }) }
  throw new CliError('not-running', {
    what: 'no operator of this network verifies proofs',
    why: 'it was started without a verifying key',
    fix: 'start it with one: nacre dev --zk KEY, or name another operator with --operator URL',
  })
}

/** The file's bytes, and the statement that an enclave has to make of them. @throws CliError bad-file; NacreError as attestProof */
function verifyHere(path: string, key: VerifyingKey): [bytes: Uint8Array, statement: Uint8Array] {
  try {
    const bytes = readBounded(path, MAX_PROOF_FILE)
    return [bytes, attestProof(bytes, key)]
  } catch (error) {
    throw badFile(
      `${path} does not verify: nothing was sent`,
      error,
      'see every check: nacre zk verify KEY PROOF',
    )
  }
}

function sameStatement(stated: Uint8Array, expected: Uint8Array): Check {
  const ok = equalBytes(stated, expected)
  const detail = ok
    ? 'the enclave states what the proof shows'
    : 'the enclave states something else than what the proof shows'
  return { name: 'statement', ok, detail }
}

const idOf = (bundle: ReceiptBundle): string => receiptId(bundle, bundle.receipt)
