import type { EnclaveConfig, Hex, Origin } from '@nacre/verify'
import { canonicalJson } from '@nacre/verify/canonicalJson'
import type { AnswerKind } from '@nacre/verify/inference'
import { keccak256 } from '../keccak.ts'
import type { LanguageEngine } from './languageEngine.ts'
import type { Load } from './load.ts'
import type { Model, ModelStore } from './modelStore.ts'
import type { Held, Nonces } from './nonces.ts'
import type { Outlet } from './outlet.ts'
import { type Opening, type ReceiptBook, sha256Hex } from './receiptBook.ts'
import { requireTerms, type Terms } from './terms.ts'

/** What every answer is made with. */
export type Context = {
  config: EnclaveConfig
  receiptKey: Hex
  engineName: string
  /** What outputs depend on in the engine, as receipts have it. */
  kernel: Settings
  engine: LanguageEngine
  models: ModelStore
  book: ReceiptBook
  nonces: Nonces
  load: Load
  terms(): Terms | undefined
  /** Of failures that are not the client's. */
  onError(error: unknown): void
}

/** One request: its body as it is, and where the answer goes. */
export type Question = {
  context: Context
  body: Uint8Array
  outlet: Outlet
  /** The client's, if it has one; of a sealed body it is held already. */
  nonce: { value: Hex; held?: Held } | undefined
}

/** An answer that may begin: nobody else's has its nonce. */
export type Begun = Opening & {
  created: number
  /** The engine has begun with it: its nonce is used. */
  use(): void
  /** Nothing more is done for it: its nonce may come again if it was not used. */
  end(): void
}

export type Settings = Record<string, unknown>

/** @throws ApiError not_ready, nonce_used, nonces_exhausted */
export function begin(
  { context, body, nonce }: Question,
  kind: AnswerKind,
  model: Model,
  { seed, ...settings }: Settings & { seed: number },
): Begun {
  const terms = requireTerms(context.terms())
  const value = nonce?.value ?? context.nonces.draw()
  const held = nonce?.held ?? context.nonces.hold(value)
  const origin: Origin = { type: 'client', nonce: value }
  const contextSize = model.facts.contextLength
  return {
    ...{ kind, origin, terms, seed },
    id: context.book.idOf(kind, origin),
    artifact: model.artifact,
    inputHash: keccak256(body),
    inputSha256: sha256Hex(body),
    settings: canonicalJson({ ...settings, contextSize, kernel: context.kernel }),
    created: Math.floor(Date.now() / 1000),
    use: held.keep,
    end: held.drop,
  }
}
