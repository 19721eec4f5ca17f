import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readChainFacts } from '@nacre/sdk'
import {
  type Check,
  DEFAULT_POLICY,
  type Hex,
  type Policy,
  parseBundle,
  parsePolicy,
  type ReceiptBundle,
  serializeBundle,
  toHex,
  verifyReceipt,
} from '@nacre/verify'
import { nodeCrypto } from '../nodeCrypto.ts'
import { now } from '../time.ts'
import type { Network } from './network.ts'
import { MAX_EVIDENCE_AGE } from './settings.ts'

export type { Check } from '@nacre/verify'

/** Writes a bundle to `<receipts>/<receipt id>.json`, which its owner alone reads: it has the question. Returns its path. */
export function saveReceipt(dir: string, receiptId: string, bundle: ReceiptBundle): string {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const file = join(dir, `${receiptId}.json`)
  writeFileSync(`${file}.new`, serializeBundle(bundle), { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return file
}

/** The policy of a development network: SIMULATED evidence of its root, and the releases that it has run, so that
 * receipts stay valid when the enclave's image changes. */
export function savePolicy(file: string, current: Hex[], root: Uint8Array): Policy {
  const earlier = existsSync(file) ? parsePolicy(JSON.parse(readFileSync(file, 'utf8'))).releases : []
  const policy: Policy = {
    ...DEFAULT_POLICY,
    assurance: ['simulated'],
    releases: [...current, ...earlier.filter(id => !current.includes(id))].slice(0, 256),
    maxEvidenceAge: MAX_EVIDENCE_AGE,
    developmentRoots: [toHex(root)],
  }
  writeFileSync(`${file}.new`, `${JSON.stringify(policy, undefined, 2)}\n`)
  renameSync(`${file}.new`, file)
  return policy
}

/** Verifies a saved receipt from its file, with what the chain says of its key, release and anchor. */
export async function verifyFile(
  network: Network,
  file: string,
  expect: { requestId: Hex; consumer: Hex; artifact: Hex },
): Promise<Check[]> {
  const bundle = parseBundle(readFileSync(file, 'utf8'))
  const policy = parsePolicy(JSON.parse(readFileSync(network.paths.policy, 'utf8')))
  const { relay, enclaveRegistry, releases, chainId } = network.deployment
  const chain = await readChainFacts({ client: network.client, bundle, releases })
  const { checks } = verifyReceipt(bundle, policy, {
    time: now(),
    expect: { ...expect, relay, chainId: BigInt(chainId), registry: enclaveRegistry },
    chain,
    crypto: nodeCrypto,
  })
  return checks
}
