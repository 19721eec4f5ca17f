import type { ReceiptBundle } from '../bundle.ts'
import { ZERO_ADDRESS, ZERO_HASH } from '../bytes.ts'
import { type Checklist, ensure, ensureEqual, passed } from '../checks.ts'
import type { ChainFacts } from '../context.ts'

/**
 * Whether the receipt agrees with what the caller read on chain; one check for each kind of fact given. A chain answers
 * zero for what it does not know: nothing agrees with that, not even a bundle that says zero itself.
 */
export function checkChain(list: Checklist, bundle: ReceiptBundle, time: bigint, chain: ChainFacts): void {
  const { receipt, config, release } = bundle
  const { keyOperator, keyReleaseId, keyConfigHash, keyRevoked, keyExpiresAt } = chain
  const { releasePublisher, releaseRevoked, anchorHash } = chain
  if (Object.keys(chain).some(fact => fact.startsWith('key'))) {
    list.check('chain-key', [], () => {
      ensure(keyOperator !== ZERO_ADDRESS, 'the key is not registered on chain')
      if (keyOperator !== undefined) ensureEqual('the operator of the key', keyOperator, config.operator)
      if (keyReleaseId !== undefined) ensureEqual('the release of the key', keyReleaseId, receipt.releaseId)
      if (keyConfigHash !== undefined)
        ensureEqual('the configuration of the key', keyConfigHash, receipt.configHash)
      ensure(keyRevoked !== true, 'the key is revoked')
      const expired = keyExpiresAt !== undefined && keyExpiresAt <= time
      ensure(!expired, `the key expired at ${keyExpiresAt}, it is ${time}`)
      return passed(`registered on chain${keyExpiresAt === undefined ? '' : ` until ${keyExpiresAt}`}`)
    })
  }
  if (releasePublisher !== undefined || releaseRevoked !== undefined) {
    list.check('chain-release', [], () => {
      ensure(releasePublisher !== ZERO_ADDRESS, 'the release is not listed on chain')
      if (releasePublisher !== undefined) {
        ensureEqual('the publisher of the release', releasePublisher, release.publisher)
      }
      ensure(releaseRevoked !== true, 'the release is revoked')
      return passed('listed on chain, not revoked')
    })
  }
  if (anchorHash !== undefined) {
    list.check('chain-anchor', [], () => {
      ensure(anchorHash !== ZERO_HASH, `the chain has no block ${receipt.anchorNumber}`)
      ensureEqual(`the hash of block ${receipt.anchorNumber}`, receipt.anchorHash, anchorHash)
      return passed(`block ${receipt.anchorNumber}`)
    })
  }
}
