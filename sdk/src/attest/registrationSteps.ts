import {
  enclaveRegistryAbi,
  nitroVerifierAbi,
  p384Abi,
  sha384Abi,
  simulatedVerifierAbi,
} from '@nacre/contracts'
import { fromHex, type Hex, TEE_KIND, toHex } from '@nacre/verify'
import { type Abi, encodeFunctionData, type PublicClient, size } from 'viem'
import { sdkError } from '../errors.ts'
import { explainRevert } from '../revert.ts'
import { configOnChain } from './configOnChain.ts'
import { encodeHints } from './nitroHints.ts'
import type { Opened } from './openEvidence.ts'
import type { Subject } from './registrationChecks.ts'

/** A call of a contract; the ABI names every error that it can end with. */
export type Call = { address: Hex; abi: Abi; functionName: string; args: readonly unknown[] }

/** One transaction of a registration. */
export type RegistrationStep = {
  /** For people. */
  what: string
  call: Call
  /** The last one; those before it cache certificates. */
  registers: boolean
  /** How many certificates are cached already of those that it needs, and how many it verifies. */
  cached: number
  fresh: number
  gas: bigint
  /** The node ran it; otherwise the gas is worked out of figures, for it needs an earlier step. */
  measured: boolean
}

/** Evidence that passed every check that needs no transaction. */
export type Checked = {
  subject: Subject
  opened: Opened
  verifier: Hex
  /** SHA-256 of the root that it trusts. */
  root: Hex
  evidence: Hex
  anchorNumber: bigint
  /** Who sends it. */
  account: Hex
  /** Most gas of one transaction. */
  maxGas: bigint
}

/** Makes hints of signatures, each once. */
export type Prove = (positions: readonly number[]) => Promise<ReadonlyMap<number, Uint8Array>>

/** Gas by which steps are planned that the node cannot run yet, rounded up from what transactions of their kind took. */
const FIGURES = {
  /** A registration of simulated evidence; contracts/snapshots has the figure. */
  simulated: 190_000n,
  /** Beside its calldata: a certificate to verify, one that is cached, a document, and each of its bytes. */
  certificate: 340_000n,
  cached: 10_000n,
  document: 320_000n,
  documentByte: 120n,
}

/** Every error of a registration, whichever contract it comes from. */
const ERRORS: Abi = [...nitroVerifierAbi, ...p384Abi, ...sha384Abi, ...simulatedVerifierAbi].filter(
  entry => entry.type === 'error',
)
const REGISTRY: Abi = [...enclaveRegistryAbi, ...ERRORS]
const NITRO: Abi = [...nitroVerifierAbi, ...ERRORS]

/** Which certificates below the root the chain's verifier has kept, in their order. */
export async function readCached({ subject, opened, verifier }: Checked): Promise<boolean[]> {
  const { client } = subject
  const abi = opened.tee === 'nitro' ? nitroVerifierAbi : simulatedVerifierAbi
  const call = { address: verifier, abi, functionName: 'isCached' } as const
  const kept = await Promise.all(
    opened.certificates.map(({ id }) => client.readContract({ ...call, args: [id] })),
  )
  // A kept certificate stands for its whole path.
  return kept.map((_, position) => kept.lastIndexOf(true) >= position)
}

/**
 * The transactions that are missing: everything in one where the gas allows it, or as many certificates in each as fit.
 * @throws NacreError gas-limit, relay-reverted with the contract's own error
 */
export async function stepsOf(
  checked: Checked,
  cached: readonly boolean[],
  prove: Prove,
): Promise<RegistrationStep[]> {
  return checked.opened.tee === 'nitro' ? nitroSteps(checked, cached, prove) : simulatedSteps(checked, cached)
}

/** How often a node is asked that does not show what was mined; then it is gone, and sent again. */
const MAX_LOOKS = 10

/** What is missing by now; after a step that was mined, once the node shows it. */
export async function caughtUp(
  { pollingInterval }: PublicClient,
  missing: () => Promise<RegistrationStep[]>,
  mined: RegistrationStep | undefined,
): Promise<RegistrationStep[]> {
  for (let looks = 1; ; looks++) {
    const steps = await missing()
    const [next] = steps
    if (!next || !mined || looks === MAX_LOOKS) return steps
    if (!mined.registers && next.cached >= mined.cached + mined.fresh) return steps
    await new Promise(resolve => setTimeout(resolve, pollingInterval))
  }
}

async function nitroSteps(
  checked: Checked,
  cached: readonly boolean[],
  prove: Prove,
): Promise<RegistrationStep[]> {
  const document = checked.opened.signatures.length - 1
  const missing = cached.flatMap((known, position) => (known ? [] : [position]))
  const wanted = [...missing, document]
  const parts = partsOf(checked, wanted, await prove(wanted))
  const steps: RegistrationStep[] = []
  for (let from = 0; from < wanted.length; ) {
    const to = await largest(parts, from, wanted.length, checked.maxGas)
    const registers = to === wanted.length
    const fresh = registers ? to - from - 1 : to - from
    const last = wanted[to - 1] as number
    steps.push({
      what: whatOf(fresh, registers),
      call: parts.callOf(from, to),
      registers,
      cached: Math.min(last + 1, document) - fresh,
      fresh,
      gas: await parts.gasOf(from, to),
      measured: from === 0,
    })
    from = to
  }
  return steps
}

/** Transactions that show what is wanted from one place to before another; what comes before is cached by then. */
type Parts = { callOf(from: number, to: number): Call; gasOf(from: number, to: number): Promise<bigint> }

function partsOf(checked: Checked, wanted: readonly number[], hints: ReadonlyMap<number, Uint8Array>): Parts {
  const document = checked.opened.signatures.length - 1
  const callOf = (from: number, to: number): Call => {
    const shown = new Set(wanted.slice(from, to))
    const last = wanted[to - 1] as number
    const positions = Array.from({ length: last + 1 }, (_, position) => position)
    const encoded = encodeHints(positions.map(at => (shown.has(at) ? hints.get(at) : undefined)))
    return last === document
      ? registerCall(checked, toHex(encoded))
      : cacheCall(checked, last, toHex(encoded))
  }
  const measured = new Map<number, Promise<bigint>>()
  return {
    callOf,
    gasOf: async (from, to) => {
      if (from > 0)
        return foreseen(checked, callOf(from, to), {
          fresh: to - from,
          cached: from,
          last: wanted.length === to,
        })
      const gas = measured.get(to) ?? estimate(checked, callOf(0, to))
      measured.set(to, gas)
      return gas
    },
  }
}

/** How far one transaction goes from `from`. @throws NacreError gas-limit when it makes no step at all */
async function largest({ gasOf }: Parts, from: number, end: number, maxGas: bigint): Promise<number> {
  for (let to = end; to > from; to--) if ((await gasOf(from, to)) <= maxGas) return to
  const least = await gasOf(from, from + 1)
  throw sdkError(
    'gas-limit',
    `No transaction of at most ${maxGas} gas makes a step: the smallest one takes ${least}.`,
  )
}

async function simulatedSteps(checked: Checked, [isCached]: readonly boolean[]): Promise<RegistrationStep[]> {
  const register = {
    what: whatOf(0, true),
    call: registerCall(checked, '0x'),
    registers: true,
    cached: 1,
    fresh: 0,
  }
  if (isCached) return [{ ...register, gas: await estimate(checked, register.call), measured: true }]
  const { opened, verifier, root } = checked
  const call = {
    address: verifier,
    abi: simulatedVerifierAbi as Abi,
    functionName: 'cacheCertificate',
    args: [opened.chain.at(-1), root, '0x'],
  }
  const gas = await estimate(checked, call)
  return [
    { what: whatOf(1, false), call, registers: false, cached: 0, fresh: 1, gas, measured: true },
    { ...register, gas: FIGURES.simulated, measured: false },
  ]
}

function registerCall({ subject, opened, evidence, anchorNumber }: Checked, hints: Hex): Call {
  const { receiptKey, tlsKeyHash, hpkeKey } = subject.identity
  const keys = { receiptKey, tlsKeyHash, hpkeKey }
  const args = [TEE_KIND[opened.tee], evidence, hints, keys, configOnChain(subject.config), anchorNumber]
  return { address: subject.registry, abi: REGISTRY, functionName: 'register', args }
}

/** `last`: position of the last certificate, 0 for the first one below the root. */
function cacheCall({ opened, verifier }: Checked, last: number, hints: Hex): Call {
  const args = [opened.chain.slice(0, last + 2), hints]
  return { address: verifier, abi: NITRO, functionName: 'cacheCertificates', args }
}

/** Gas of a step that needs an earlier one: what it runs, or the least that its calldata costs (EIP-7623). */
function foreseen(
  { evidence }: Checked,
  call: Call,
  of: { fresh: number; cached: number; last: boolean },
): bigint {
  const data = fromHex(encodeFunctionData(call))
  const tokens = data.reduce((sum, byte) => sum + (byte === 0 ? 1n : 4n), 0n)
  const certificates = BigInt(of.last ? of.fresh - 1 : of.fresh)
  const document = FIGURES.document + FIGURES.documentByte * BigInt(size(evidence))
  const work =
    FIGURES.certificate * certificates + FIGURES.cached * BigInt(of.cached) + (of.last ? document : 0n)
  const [floor, gas] = [10n * tokens, 4n * tokens + work]
  return 21_000n + (floor > gas ? floor : gas)
}

async function estimate({ subject, account }: Checked, call: Call): Promise<bigint> {
  const client: PublicClient = subject.client
  return client.estimateContractGas({ ...call, account } as never).catch(error => {
    throw explainRevert(error)
  })
}

function whatOf(certificates: number, registers: boolean): string {
  const many = certificates === 1 ? 'a certificate' : `${certificates} certificates`
  if (!registers) return `cache ${many}`
  return certificates === 0 ? 'register the key' : `register the key, and cache ${many} on the way`
}
