/** Receipts signed and verified a second, on one core. */
import {
  type CryptoProvider,
  nobleCrypto,
  nobleSign,
  recoverSigner,
  type SignSecp256k1,
  signReceipt,
} from '@nacre/verify'
import { nodeCrypto } from '../cli/src/nodeCrypto.ts'
import { makeReceiptKey, sign } from '../enclave/src/keys.ts'
import { createBundle } from '../test/mock-authority/index.ts'

export type Pairs = {
  /** Rounds of a second. */
  rounds: number
  /** Pairs a second: of the median round, and of the slowest. */
  median: number
  min: number
  target: number
}

type Provider = { sign: SignSecp256k1; recover: Pick<CryptoProvider, 'recoverSecp256k1'>; target: number }

const PROVIDERS: Record<string, Provider> = {
  noble: { sign: nobleSign, recover: nobleCrypto, target: 400 },
  libsecp256k1: { sign, recover: nodeCrypto, target: 1_500 },
}
const ROUNDS = 5
const ROUND_MS = 1_000
const WARM_UP_MS = 2_000

/**
 * A pair is what an enclave does with the signature of an answer, and what a client does: EIP-712 hash of the receipt,
 * sign; hash again, recover the key, compare its address. Each pair has a receipt of its own. In this process's one
 * thread. The hashes are noble's in either case.
 */
export function benchReceipts(): Record<string, Pairs> {
  return Object.fromEntries(Object.entries(PROVIDERS).map(([name, provider]) => [name, measure(provider)]))
}

function measure({ sign, recover, target }: Provider): Pairs {
  const { receipt, chainId, registry } = createBundle()
  const domain = { chainId, registry }
  const { privateKey, address } = makeReceiptKey()
  let sequence = 0n

  function pair(): void {
    sequence += 1n
    const signed = { ...receipt, sequence }
    const signature = signReceipt(domain, signed, privateKey, sign)
    if (recoverSigner(domain, signed, signature, recover) !== address)
      throw new Error('a receipt does not name the key that signed it')
  }

  perSecond(pair, WARM_UP_MS)
  const rounds = Array.from({ length: ROUNDS }, () => perSecond(pair, ROUND_MS)).toSorted((a, b) => a - b)
  const [min, median] = [rounds[0]!, rounds[Math.floor(ROUNDS / 2)]!]
  return { rounds: ROUNDS, median: Math.round(median), min: Math.round(min), target }
}

function perSecond(work: () => void, milliseconds: number): number {
  const started = performance.now()
  let done = 0
  let passed = 0
  for (; passed < milliseconds; passed = performance.now() - started) {
    work()
    done++
  }
  return (1000 * done) / passed
}
