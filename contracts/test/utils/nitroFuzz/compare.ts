import { nitroVerifierAbi, p384Abi, sha384Abi } from '@nacre/contracts'
import { concat, type Hex, sha256, toHex, verifyNitro } from '@nacre/verify'
import { decodeSign1, ES384 } from '@nacre/verify/attest/cose'
import { decodeNitroDocument } from '@nacre/verify/attest/nitroDocument'
import { type Abi, decodeErrorResult, decodeFunctionResult, encodeFunctionData, numberToHex } from 'viem'
import { type Client, encodeHints } from '../nitro.ts'
import type { FuzzCase } from './cases.ts'
import type { Scheme } from './scheme.ts'

const ABI = nitroVerifierAbi as Abi
const ERRORS = [nitroVerifierAbi, p384Abi, sha384Abi] as readonly Abi[]

/** What a judgement came to, so that two of them can be compared. */
export type Judgement = { accepted: boolean; detail: string }

/** What @nacre/verify makes of a case, as a registration would want it. */
export function judge({ evidence, root }: FuzzCase, time: bigint, { crypto }: Scheme): Judgement {
  const verdict = verifyNitro(evidence, null, time, { version: 1, roots: [root], debug: true }, crypto)
  // How far a document's clock may be ahead of the block's is a rule of the registry's.
  const isSigned = verdict.checks.some(({ name, ok }) => name === 'signature' && ok)
  const isOfLater = verdict.code === 'not-yet-valid' && isSigned
  if (!verdict.ok && !isOfLater) return { accepted: false, detail: verdict.code }
  const document = decodeNitroDocument(decodeSign1(evidence, evidence.length, ES384).payload)
  const refused = unwantedOf(document)
  return refused ? { accepted: false, detail: refused } : { accepted: true, detail: saidOf(document) }
}

type Document = ReturnType<typeof decodeNitroDocument>

function unwantedOf({ pcrs, userData, nonce }: Document): string | undefined {
  const registers = [0, 1, 2].map(index => pcrs.get(index))
  if (registers.some(one => one === undefined || one.every(byte => byte === 0))) return 'debug'
  if (userData?.length !== 32) return 'user data'
  return nonce?.length === 32 ? undefined : 'nonce'
}

function saidOf({ pcrs, userData, nonce, timestamp }: Document): string {
  const measurement = sha256(concat(Uint8Array.of(2), ...[0, 1, 2].map(index => pcrs.get(index)!)))
  return [measurement, toHex(userData!), toHex(nonce!), BigInt(timestamp) / 1000n].join(' ')
}

/** How many certificates a document has below its root; as many as AWS's where it cannot be read. */
export function linksOf(evidence: Uint8Array): number {
  try {
    return decodeNitroDocument(decodeSign1(evidence, evidence.length, ES384).payload).cabundle.length
  } catch {
    return 4
  }
}

/**
 * What the contract makes of it: with nothing kept, and then at once again, with what it kept of that and no hint but
 * the document's.
 * @param hints one for each certificate below the root, and the document's
 * @param code what stands at that address, if not what was deployed
 */
export async function callTwice(
  client: Client,
  to: Hex,
  evidence: Uint8Array,
  hints: readonly Uint8Array[],
  time: bigint,
  code?: Hex,
): Promise<[cold: Judgement, warm: Judgement]> {
  const kept = hints.map((hint, i) => (i === hints.length - 1 ? hint : new Uint8Array(0)))
  const calls = [hints, kept].map(all => ({
    functionName: 'verify',
    args: [toHex(evidence), toHex(encodeHints(all))],
  }))
  const [results] = await simulate(client, to, [{ time, calls }], code)
  const [cold, warm] = results!.map(judgementOf)
  return [cold!, warm!]
}

export type Call = { functionName: string; args: readonly unknown[] }
export type Simulated = { status: Hex; returnData: Hex; error?: { data?: Hex; message: string } }

/** Calls one after the other, in blocks of these times (seconds): each finds what those before it left; nothing stays. */
export async function simulate(
  client: Client,
  to: Hex,
  blocks: readonly { time: bigint; calls: readonly Call[] }[],
  code?: Hex,
): Promise<Simulated[][]> {
  const from = client.account.address
  const blockStateCalls = blocks.map(({ time, calls }) => ({
    stateOverrides: code ? { [to]: { code } } : {},
    blockOverrides: { time: numberToHex(time), gasLimit: numberToHex(1_000_000_000n) },
    calls: calls.map(call => ({
      from,
      to,
      gas: numberToHex(16_000_000n),
      data: encodeFunctionData({ abi: ABI, ...call }),
    })),
  }))
  const parameters = [{ blockStateCalls }, 'latest']
  const results = await client.request({
    method: 'eth_simulateV1' as never,
    params: parameters as never,
  })
  return (results as { calls: Simulated[] }[]).map(({ calls }) => calls)
}

/** An error of the contract's by its name; of another, what there is. */
export function judgementOf({ status, returnData, error }: Simulated): Judgement {
  if (status === '0x1') {
    const said = decodeFunctionResult({ abi: ABI, functionName: 'verify', data: returnData }) as Attestation
    return {
      accepted: true,
      detail: [said.measurement, said.userData, said.nonce, said.timestamp].join(' '),
    }
  }
  const data = error?.data ?? returnData
  for (const abi of ERRORS) {
    try {
      return { accepted: false, detail: decodeErrorResult({ abi, data }).errorName }
    } catch {}
  }
  return { accepted: false, detail: `no error of the contract's: ${data} ${error?.message}` }
}

type Attestation = { measurement: Hex; userData: Hex; nonce: Hex; timestamp: bigint }
