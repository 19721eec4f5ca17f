import {
  type Hex,
  type Receipt,
  type ReceiptBundle,
  receiptId,
  toJson,
  userData,
  verifyReceipt,
} from '@nacre/verify'
import { clientOrigin, createBundle, NOW, policy, relayOrigin } from '../../test/authority/index.ts'
import { highSReceipt } from '../../verify/test/p256.ts'

const ONES: Hex = `0x${'11'.repeat(32)}`

/** Receipts that verify, and the relay receipt with one thing changed after it was signed. */
export function receiptVectors(): Record<string, unknown> {
  const relay = createBundle({ origin: relayOrigin })
  const client = createBundle({ origin: clientOrigin })
  const failure = createBundle({ failure: { status: 1, text: 'bad-input: the tensor holds NaN' } })
  const negatives = Object.entries(tampered(relay)).map(([name, bundle]) => [`invalid-${name}`, bundle])
  const bundles: Record<string, ReceiptBundle> = { relay, client, failure, ...Object.fromEntries(negatives) }
  return Object.fromEntries(
    Object.entries(bundles).map(([name, bundle]) => [`receipts/${name}.json`, vectorOf(bundle)]),
  )
}

/** Every field of the receipt, of its domain, and of the signature, one by one. */
function tampered(bundle: ReceiptBundle): Record<string, ReceiptBundle> {
  const fields = Object.entries(bundle.receipt).map(([field, value]) => {
    const receipt = { ...bundle.receipt, [field]: changed(value) } as Receipt
    return [field, { ...bundle, receipt }]
  })
  const { signature } = bundle
  return {
    ...Object.fromEntries(fields),
    chainId: { ...bundle, chainId: 1n },
    registry: { ...bundle, registry: '0x1111111111111111111111111111111111111111' },
    'high-s': { ...bundle, signature: highSReceipt(signature) },
    v: { ...bundle, signature: `${signature.slice(0, -2) as Hex}00` },
  }
}

function changed(value: Receipt[keyof Receipt]): Receipt[keyof Receipt] {
  if (typeof value === 'string') return ONES
  return typeof value === 'bigint' ? value + 1n : value + 1
}

/** One flat object: the receipt, its domain, what each hash is made of, and what verification says. */
function vectorOf(bundle: ReceiptBundle): Record<string, unknown> {
  const { receipt, origin, config, parameters, usage, identity } = bundle
  const failing = verifyReceipt(bundle, policy, { time: NOW }).checks.filter(check => !check.ok)
  const flat = {
    ...receipt,
    chainId: bundle.chainId,
    registry: bundle.registry,
    signature: bundle.signature,
    digest: receiptId(bundle, receipt),
    signer: identity.receiptKey,
    valid: failing.length === 0,
    failing: failing.map(check => check.name),
    input: bundle.input,
    output: bundle.output,
    origin: origin.type,
    ...(origin.type === 'relay'
      ? { relay: origin.relay, consumer: origin.consumer, nonce: origin.nonce }
      : { clientNonce: origin.nonce }),
    engine: parameters.engine,
    seed: parameters.seed,
    units: usage.units,
    price: usage.price,
    token: usage.token,
    outputLimit: usage.maxOutput,
    operator: config.operator,
    maxInput: config.maxInput,
    maxOutput: config.maxOutput,
    tlsKeyHash: identity.tlsKeyHash,
    hpkeKey: identity.hpkeKey,
    userData: userData(identity),
  }
  return Object.fromEntries(Object.entries(toJson(flat) as object).sort(([a], [b]) => (a < b ? -1 : 1)))
}
