import { BATCH_VERSION, type Batch } from './batch.ts'
import { amountOf, countOf, hexOf, integerOf, objectOf, type Parser, versionOf } from './shape.ts'
import type { ReservationTerms } from './voucher.ts'

// Parsers of what is said about payments in JSON. Each throws NacreError wrong-type and kin.

export const parseTerms: Parser<ReservationTerms> = objectOf<ReservationTerms>({
  payer: hexOf(20),
  signer: hexOf(20),
  operator: hexOf(20),
  token: hexOf(20),
  releaseId: hexOf(32),
  assurance: integerOf(1, 2),
  salt: countOf(64),
})

export const parseBatch: Parser<Batch> = objectOf<Batch>({
  version: versionOf(BATCH_VERSION),
  reservation: hexOf(32),
  first: countOf(64),
  last: countOf(64),
  count: integerOf(1, 2 ** 32 - 1),
  total: amountOf(256),
  root: hexOf(32),
  releaseId: hexOf(32),
  configHash: hexOf(32),
})
