import type { ReceiptBundle } from '../bundle.ts'
import { type Checklist, ensure, ensureEqual, passed } from '../checks.ts'
import type { Expectations } from '../context.ts'

/** Whether the receipt is the one that the caller asked for; one check for each kind of expectation given. */
export function checkExpectations(list: Checklist, bundle: ReceiptBundle, expect: Expectations): void {
  const { receipt, origin } = bundle
  const { requestId, clientNonce, consumer, relay, chainId, registry, artifact, input } = expect
  if (isAnyGiven(requestId, clientNonce, consumer, relay)) {
    list.check('expected-request', [], () => {
      if (requestId !== undefined) ensureEqual('the request id', receipt.requestId, requestId)
      if (clientNonce !== undefined) {
        ensure(origin.type === 'client', 'it answers a relay request, not a client request')
        ensureEqual('the client nonce', origin.nonce, clientNonce)
      }
      if (consumer !== undefined || relay !== undefined) {
        ensure(origin.type === 'relay', 'it answers a client request, not a relay request')
        if (consumer !== undefined) ensureEqual('the consumer', origin.consumer, consumer)
        if (relay !== undefined) ensureEqual('the relay', origin.relay, relay)
      }
      return passed('the request that was expected')
    })
  }
  if (isAnyGiven(chainId, registry)) {
    list.check('expected-chain', [], () => {
      if (chainId !== undefined) ensureEqual('the chain', bundle.chainId, chainId)
      if (registry !== undefined) ensureEqual('the registry', bundle.registry, registry)
      return passed('the chain and registry that were expected')
    })
  }
  if (artifact !== undefined) {
    list.check('artifact', [], () => {
      ensureEqual('the artifact', receipt.artifact, artifact)
      return passed('the artifact that was expected')
    })
  }
  if (input !== undefined) {
    list.check('expected-input', [], () => {
      ensureEqual('the input hash', receipt.inputHash, input)
      return passed('the input that was expected')
    })
  }
}

function isAnyGiven(...values: unknown[]): boolean {
  return values.some(value => value !== undefined)
}
