import { verifierEnclaveAbi } from '@nacre/contracts'
import { readCountedRegistry } from '@nacre/sdk/attest/verifierContracts'
import type { Hex } from '@nacre/verify'
import type { Abi } from 'viem'
import { CliError, EXIT } from '../errors.ts'
import type { Subject } from '../operator/facts.ts'
import { carryOut, type Plan, type PlanOptions } from '../operator/plan.ts'
import { loadSettings, type OperatorOptions } from '../operator/settings.ts'
import { addressOf } from '../operator/values.ts'
import type { Output } from '../output.ts'

export type ClaimOptions = OperatorOptions & PlanOptions & { verifier: string }

/**
 * `nacre enclave claim`: has a VerifierEnclave count an enclave's key as the account's own. What an enclave is configured
 * for is the word of whoever started it. A key that is claimed already is a success, and nothing is sent.
 */
export async function claim(text: string, options: ClaimOptions, output: Output): Promise<number> {
  const [receiptKey, verifier] = [addressOf(text, 'the key'), addressOf(options.verifier, '--verifier')]
  const settings = await loadSettings(options)
  const done = await carryOut(settings, options, output, subject => planClaim(subject, receiptKey, verifier))
  output.result({ ...done, receipt_key: receiptKey, verifier })
  return EXIT.ok
}

async function planClaim(subject: Subject, receiptKey: Hex, verifier: Hex): Promise<Plan> {
  const { client, account } = subject
  await checkVerifier(subject, verifier)
  const call = { address: verifier, abi: verifierEnclaveAbi } as const
  const [claimed, accepted] = await Promise.all([
    client.readContract({ ...call, functionName: 'isClaimed', args: [account, receiptKey] }),
    client.readContract({ ...call, functionName: 'acceptsOperator', args: [account] }),
  ])
  const notes = accepted
    ? []
    : ['the contract’s owner does not name this operator: its keys do not count yet']
  if (claimed) return { steps: [], already: [`the key ${receiptKey} is claimed`], notes }
  const step = { address: verifier, abi: verifierEnclaveAbi as Abi, functionName: 'claimKey' }
  return {
    steps: [{ what: `claim the key ${receiptKey}`, call: { ...step, args: [receiptKey] } }],
    already: [],
    notes,
  }
}

/** @throws CliError bad-input when it is none, or one of another registry */
async function checkVerifier({ client, contracts }: Subject, verifier: Hex): Promise<void> {
  const registry = await readCountedRegistry(client, verifier)
  if (registry === contracts.enclaveRegistry) return
  throw new CliError('bad-input', {
    what: `${verifier} is no VerifierEnclave of this registry`,
    why: registry === undefined ? 'no such contract answers there' : `it counts keys of ${registry}`,
    fix: `name the one of ${contracts.enclaveRegistry} on this chain: --verifier ADDRESS`,
  })
}
