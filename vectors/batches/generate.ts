import {
  append,
  type Batch,
  type BatchEntry,
  batchDigest,
  batchLeaf,
  type Frontier,
  type Hex,
  keccak256,
  proofOf,
  type ReservationTerms,
  requestId,
  reservationId,
  rootOf,
  signBatch,
  signVoucher,
  toJson,
  utf8,
  type Voucher,
  voucherDigest,
} from '@nacre/verify'
import { clientOrigin, createBundle, receiptKey } from '../../test/mock-authority/index.ts'

const SIZES = { one: 1, two: 2, three: 3, seven: 7 }
const PAYER_KEY = new Uint8Array(32).fill(7)
/** Of PAYER_KEY. */
const PAYER: Hex = '0x4a62316623ad457f02cdc5d997ded67a383ec569'
const BALANCES: Hex = `0x${'ba'.repeat(20)}`

/** Reservations, a voucher for one answer, and the batches of so many answers with each answer's proof. */
export function batchVectors(): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(SIZES).map(([name, size]) => [`batches/${name}.json`, vectorOf(size)]),
  )
}

function vectorOf(size: number): unknown {
  const { chainId, registry, config, receipt, identity } = createBundle({ origin: clientOrigin })
  const domain = { chainId, balances: BALANCES }
  const { operator, releaseId } = config
  const token: Hex = `0x${'70'.repeat(20)}`
  const terms: ReservationTerms = {
    payer: `0x${'a1'.repeat(20)}`,
    signer: PAYER,
    operator,
    token,
    releaseId,
    assurance: 1,
    salt: 9n,
  }
  const reservation = reservationId(domain, terms)
  const voucher: Voucher = {
    reservation,
    index: 5n,
    requestId: requestId(chainId, clientOrigin),
    artifact: receipt.artifact,
    inputHash: receipt.inputHash,
    maxOutput: 1024,
    maxPrice: 10n ** 18n,
  }
  // Indices with gaps: a voucher need not be used.
  const entries = Array.from(
    { length: size },
    (_, i): BatchEntry => ({
      receiptId: keccak256(utf8(`receipt ${i}`)),
      index: BigInt(5 + 2 * i),
      price: 10n ** 15n + BigInt(i),
    }),
  )
  const leaves = entries.map(batchLeaf)
  const batch: Batch = {
    version: 1,
    reservation,
    first: entries[0]!.index,
    last: entries.at(-1)!.index,
    count: size,
    total: entries.reduce((sum, { price }) => sum + price, 0n),
    root: rootOf(leaves.reduce<Frontier>(append, [])),
    releaseId,
    configHash: receipt.configHash,
  }
  return toJson({
    chainId,
    registry,
    balances: BALANCES,
    terms,
    voucher,
    voucherDigest: voucherDigest(domain, voucher),
    voucherSignature: signVoucher(domain, voucher, PAYER_KEY),
    entries: entries.map((entry, i) => ({ ...entry, leaf: leaves[i], proof: proofOf(leaves, i) })),
    batch,
    batchDigest: batchDigest({ chainId, registry }, batch),
    batchSignature: signBatch({ chainId, registry }, batch, receiptKey),
    receiptKey: identity.receiptKey,
  })
}
