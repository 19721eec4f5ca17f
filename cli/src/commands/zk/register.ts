import { relayAbi, zkVerifiersAbi } from '@nacre/contracts'
import { countsOn, type VerificationKey } from '@nacre/proofs/zk/groth16/key'
import { type Hex, ZERO_ADDRESS } from '@nacre/verify'
import { toHex } from '@nacre/verify/bytes'
import type { Abi } from 'viem'
import { CliError, EXIT } from '../../errors.ts'
import type { Subject } from '../../operator/facts.ts'
import { carryOut, type Plan, type PlanOptions } from '../../operator/plan.ts'
import type { Output } from '../../output.ts'
import { costOf, type PublisherOptions, publisherSettings } from '../../release/chain.ts'
import { readKey } from './groth16Files.ts'

export type RegisterOptions = PublisherOptions & PlanOptions

/** `nacre zk register KEY`: deploys the model's verifier. One that is registered already is a success, and nothing is sent. */
export async function register(path: string, options: RegisterOptions, output: Output): Promise<number> {
  const { bytes, key, artifact: hash } = readKey(path)
  const artifact = toHex(hash)
  const settings = await publisherSettings(options)
  ensureCounts(key, settings.contracts.chainId)
  const done = await carryOut(settings, options, output, subject => plan(subject, artifact, toHex(bytes)))
  const verifier = await verifierOf(settings, artifact)
  output.line(`Artifact ${artifact}${verifier ? `, verifier ${verifier}` : ''}`)
  output.result({ ...done, artifact, setup: key.setup, ...(verifier && { verifier }) })
  return EXIT.ok
}

async function plan(subject: Subject, artifact: Hex, keyFile: Hex): Promise<Plan> {
  const role = 'Account'
  const verifier = await verifierOf(subject, artifact)
  if (verifier) return { role, steps: [], already: [`the key ${artifact} has the verifier ${verifier}`] }
  const address = await zkVerifiersOf(subject)
  const call = { address, abi: zkVerifiersAbi as Abi, functionName: 'register', args: [keyFile] }
  const notes = [
    'that a key is registered says nothing of its setup: nacre zk setup verify does',
    await costOf(subject, call),
  ]
  return {
    role,
    steps: [{ what: `register the key ${artifact}, and deploy its verifier`, call }],
    already: [],
    notes,
  }
}

type Chain = Pick<Subject, 'client' | 'contracts'>

/** The contract by which the relay has proofs checked. */
async function zkVerifiersOf({ client, contracts }: Chain): Promise<Hex> {
  return client.readContract({ address: contracts.relay, abi: relayAbi, functionName: 'ZK_VERIFIERS' })
}

async function verifierOf(chain: Chain, artifact: Hex): Promise<Hex | undefined> {
  const call = { address: await zkVerifiersOf(chain), abi: zkVerifiersAbi } as const
  const verifier = await chain.client.readContract({ ...call, functionName: 'verifierOf', args: [artifact] })
  return verifier === ZERO_ADDRESS ? undefined : (verifier.toLowerCase() as Hex)
}

/** The contract refuses it, too; here before anything is paid for it. */
function ensureCounts(key: VerificationKey, chainId: number): void {
  if (countsOn(key, chainId)) return
  throw new CliError('bad-input', {
    what: `that key is not registered on chain ${chainId}`,
    why: `it is of a development setup, whose maker can prove anything; such keys count on 31337 only`,
    fix: 'run a ceremony: nacre zk setup circuit CONTAINER says how',
  })
}
