import { createClient, withDevelopmentRoot } from '@nacre/sdk'
import { type CryptoProvider, type ReceiptBundle, verifyReceipt } from '@nacre/verify'
import { nodeCrypto } from '../cli/src/nodeCrypto.ts'
import type { Case } from './cases.ts'
import type { Channel } from './channel.ts'
import type { BenchNetwork } from './network.ts'
import { measure, type Times } from './stats.ts'

export type Attested = {
  transport: string
  attested: Times
  /** An HTTP call that does nothing. */
  http: Times
  verify: { noble: Times; node: Times }
  /** What the receipt takes of an attested answer, medians in ms: hashing and signing, evidence, verification. */
  receiptShare: { percent: number; milliseconds: number; sign: number; evidence: number; verify: number }
}

/** Attested answers of the operator: fresh nonce and evidence each, verified before they count. */
export async function benchAttested(
  network: BenchNetwork,
  one: Case,
  channel: Channel,
  engine: Times,
): Promise<Attested> {
  const { policy, developmentRoot } = network
  const url = network.operatorUrls[0]!
  const client = createClient({ url, policy, developmentRoot, crypto: nodeCrypto })
  const { artifact, input } = one
  const { bundle } = await client.infer({ artifact, input })
  const attested = await measure(300, 500, () => client.infer({ artifact, input }))
  const http = await measure(100, 10, async () => (await fetch(`${url}/health`)).text())
  const noble = await measure(100, 200, () => verifyAgain(network, bundle, {}))
  const node = await measure(100, 200, () => verifyAgain(network, bundle, nodeCrypto))
  const { empty, infer, inferWithEvidence } = channel
  const sign = Math.max(0, infer.median - empty.median - engine.median)
  const evidence = Math.max(0, inferWithEvidence.median - infer.median)
  const milliseconds = sign + evidence + node.median
  const percent = Math.round((100 * milliseconds) / attested.median)
  const rounded = (ms: number): number => Math.round(ms * 1000) / 1000
  return {
    transport: 'HTTP on loopback to the operator, Unix socket to the enclave',
    attested,
    http,
    verify: { noble, node },
    receiptShare: {
      percent,
      milliseconds: rounded(milliseconds),
      sign: rounded(sign),
      evidence: rounded(evidence),
      verify: node.median,
    },
  }
}

function verifyAgain(network: BenchNetwork, bundle: ReceiptBundle, crypto: Partial<CryptoProvider>): void {
  const policy = withDevelopmentRoot(network.policy, network.developmentRoot)
  const { ok, checks } = verifyReceipt(bundle, policy, {
    time: BigInt(Math.floor(Date.now() / 1000)),
    crypto,
  })
  if (!ok)
    throw new Error(`the receipt does not verify: ${JSON.stringify(checks.filter(check => !check.ok))}`)
}
