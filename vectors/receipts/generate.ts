import { type Hex, type Receipt, type ReceiptBundle, receiptId, toJson, userData } from '@nacre/verify'
import { clientOrigin, createBundle, relayOrigin } from '../../test/mock-authority/index.ts'
import { highSReceipt } from '../../verify/test/p256.ts'

const ONES: Hex = `0x${'11'.repeat(32)}`

/** Receipts that verify, and the relay receipt with one thing changed after it was signed. */
export function receiptVectors(): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(receiptCases()).map(([name, bundle]) => [
      `receipts/${name}.json`,
      vectorOf(bundle, FAILING[name.replace('invalid-', '')] ?? []),
    ]),
  )
}

/** The bundle of each vector, by its name. */
export function receiptCases(): Record<string, ReceiptBundle> {
  const relay = createBundle({ origin: relayOrigin })
  const client = createBundle({ origin: clientOrigin })
  const failure = createBundle({ failure: { status: 1, text: 'bad-input: the tensor holds NaN' } })
  const negatives = Object.entries(tampered(relay)).map(([name, bundle]) => [`invalid-${name}`, bundle])
  return { relay, client, failure, ...Object.fromEntries(negatives) }
}

/**
 * What must fail when one field is changed after signing, written from docs/protocol.md and not by the verifier: the
 * signature always, the check of the field itself, and what rests on the configuration or the release.
 */
const FAILING: Record<string, string[]> = {
  version: ['version', 'signature'],
  requestId: ['request-id', 'signature'],
  releaseId: ['signature', 'release', 'policy-release'],
  configHash: ['signature', 'configuration', 'release', 'policy-release'],
  artifact: ['signature'],
  inputHash: ['input', 'signature'],
  outputHash: ['output', 'signature'],
  parametersHash: ['parameters', 'signature'],
  usageHash: ['usage', 'signature'],
  // A failure's output is a text, and the tensor's bytes are none.
  status: ['status', 'signature'],
  sequence: ['signature'],
  anchorNumber: ['signature'],
  anchorHash: ['signature'],
  parentsRoot: ['extensions', 'signature'],
  extensionsRoot: ['extensions', 'signature'],
  chainId: ['request-id', 'signature', 'configuration', 'release', 'policy-release'],
  registry: ['signature', 'configuration', 'release', 'policy-release'],
  'high-s': ['signature'],
  v: ['signature'],
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
function vectorOf(bundle: ReceiptBundle, failing: string[]): Record<string, unknown> {
  const { receipt, origin, config, parameters, usage, identity } = bundle
  const flat = {
    ...receipt,
    chainId: bundle.chainId,
    registry: bundle.registry,
    signature: bundle.signature,
    digest: receiptId(bundle, receipt),
    signer: identity.receiptKey,
    valid: failing.length === 0,
    failing,
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
