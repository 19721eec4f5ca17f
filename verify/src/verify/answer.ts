import type { ReceiptBundle } from '../bundle.ts'
import { fromHex, fromUtf8, type Hex, toHex, ZERO_HASH } from '../bytes.ts'
import { type Checklist, ensure, ensureEqual, type Fact, passed } from '../checks.ts'
import type { CryptoProvider } from '../crypto.ts'
import { parametersHash } from '../parameters.ts'
import { recoverSigner, STATUS } from '../receipt.ts'
import { requestId } from '../request.ts'
import { usageHash } from '../usage.ts'

const MAX_FAILURE = 256

/** Whether the receipt's own fields agree with the request, the answer and the bill that it comes with. */
export function checkAnswer(list: Checklist, bundle: ReceiptBundle, crypto: CryptoProvider): void {
  const { receipt } = bundle
  list.check('version', [], () => {
    ensureEqual('the receipt version', receipt.version, 1)
    return passed('receipt version 1')
  })
  list.check('request-id', [], () => {
    ensureEqual('the request id', receipt.requestId, requestId(bundle.chainId, bundle.origin))
    return passed(`of this ${bundle.origin.type} request`)
  })
  list.check('input', [], () => {
    ensureEqual('the input hash', receipt.inputHash, hash(bundle.input, crypto))
    return passed(`${sizeOf(bundle.input)} bytes, the hash matches`)
  })
  list.check('output', [], () => {
    ensureEqual('the output hash', receipt.outputHash, hash(bundle.output, crypto))
    return passed(`${sizeOf(bundle.output)} bytes, the hash matches`)
  })
  list.check('status', [], () => checkStatus(bundle))
  list.check('parameters', [], () => {
    ensureEqual('the parameters hash', receipt.parametersHash, parametersHash(bundle.parameters))
    return passed(`${bundle.parameters.engine}, seed ${bundle.parameters.seed}`)
  })
  list.check('usage', [], () => {
    ensureEqual('the usage hash', receipt.usageHash, usageHash(bundle.usage))
    return passed(`${bundle.usage.units} units at ${bundle.usage.price}`)
  })
  list.check('extensions', [], () => {
    ensureEqual('the parents root', receipt.parentsRoot, ZERO_HASH)
    ensureEqual('the extensions root', receipt.extensionsRoot, ZERO_HASH)
    return passed('no parents, no extensions')
  })
}

/** Whether the key of the identity signed the receipt. */
export function checkSignature(list: Checklist, bundle: ReceiptBundle, crypto: CryptoProvider): Fact<Hex> {
  return list.check('signature', [], () => {
    const signer = recoverSigner(bundle, bundle.receipt, bundle.signature, crypto)
    ensureEqual('the signer', signer, bundle.identity.receiptKey)
    return passed(`signed by ${signer}`, signer)
  })
}

/** The text of a receipt of a failure, if it is one. */
export function failureOf(bundle: ReceiptBundle): { failure?: string } {
  if (bundle.receipt.status === STATUS.ok) return {}
  if (isLanguage(bundle)) return { failure: 'engine-failed: the output is what was sent before' }
  try {
    return { failure: fromUtf8(fromHex(bundle.output).subarray(0, MAX_FAILURE)) }
  } catch {
    return { failure: bundle.output.slice(0, 2 + 2 * MAX_FAILURE) }
  }
}

function checkStatus(bundle: ReceiptBundle): ReturnType<typeof passed> {
  const { status } = bundle.receipt
  const name = Object.entries(STATUS).find(([, code]) => code === status)?.[0]
  ensure(name !== undefined, `status ${status} is unknown`)
  if (status === STATUS.ok) return passed('ok')
  const size = sizeOf(bundle.output)
  if (isLanguage(bundle)) {
    ensure(status === STATUS.engineFailed, `status ${status} is none of an answer with settings`)
    return passed(`the engine failed after ${size} bytes`)
  }
  ensure(size <= MAX_FAILURE, `the text of a failure has ${size} bytes, at most ${MAX_FAILURE}`)
  return passed(`a failure, ${name}: ${fromUtf8(fromHex(bundle.output))}`)
}

/** Of a language model: what was sent before the engine failed is the output, not a text of the failure. */
function isLanguage({ parameters }: ReceiptBundle): boolean {
  return parameters.settings !== undefined
}

function hash(bytes: Hex, crypto: CryptoProvider): Hex {
  return toHex(crypto.keccak256(fromHex(bytes)))
}

function sizeOf(bytes: Hex): number {
  return (bytes.length - 2) / 2
}
