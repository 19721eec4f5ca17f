import { once } from 'node:events'
import type { Server } from 'node:http'
import { dirname, join } from 'node:path'
import type { EnclaveConfig, Hex, Identity } from '@nacre/verify'
import type { Evidence } from '@nacre/verify/evidence'
import { createRecipient } from '@nacre/verify/seal'
import { createAttester, makeIdentity } from '../attest/evidence.ts'
import { createProvider, type Places } from '../attest/provider.ts'
import { makeReceiptKey } from '../keys.ts'
import { createHandler } from './api.ts'
import { createAttestations } from './attestations.ts'
import { makeCertificate, makeTlsKey } from './certificate.ts'
import type { LanguageEngine } from './languageEngine.ts'
import { createLoad } from './load.ts'
import { createModelStore, type ModelStore } from './modelStore.ts'
import { createNonces } from './nonces.ts'
import type { Settings } from './question.ts'
import { createReceiptBook } from './receiptBook.ts'
import { createPlainServer, createSecureServer } from './servers.ts'
import type { InferenceOptions } from './startOptions.ts'
import type { Terms } from './terms.ts'

/** An engine for language models. */
export type LanguageEngineKind = {
  engine: LanguageEngine
  /** In receipts. */
  engineName: string
  /** What its outputs depend on beside artifact, request and name: of a receipt's settings. */
  kernel: Settings
  /** Of an engine that has its models already. */
  models?: { id: string; artifact: Hex }[]
}

/** What the enclave does for its host, and the servers of its API, which do not listen yet. */
export type LanguageService = {
  identity(): { identity: Identity; config: EnclaveConfig; engine: string }
  attest(nonce: Hex): Promise<{ evidence: Evidence }>
  models: ModelStore
  setTerms(terms: Terms): void
  listen(): Promise<void>
  close(): void
}

/**
 * An enclave for language models, with fresh keys of its own. Evidence of it is made before any model is loaded, for its
 * certificate: from then on Nitro's module in a guest makes evidence of this identity alone.
 * @throws ChannelError security-module
 */
export async function createLanguageService(
  options: InferenceOptions,
  {
    engine,
    engineName,
    kernel,
    onError,
    places,
  }: LanguageEngineKind & { onError: (error: unknown) => void; places?: Places },
): Promise<LanguageService> {
  const { config, evidence: kind, sockets, inference } = options
  const [key, tlsKey, recipient] = [makeReceiptKey(), makeTlsKey(), await createRecipient()]
  const { hpkeKey } = recipient
  const identity = makeIdentity(config, key.address, { tlsKeyHash: tlsKey.hash, hpkeKey })
  const attester = createAttester(kind, createProvider(options, places), identity)
  const certificate = makeCertificate(tlsKey, {
    ...{ config, identity },
    evidence: await attester.attest(tlsKey.hash),
  })
  const models = createModelStore(engine, options.engine)
  let terms: Terms | undefined
  const own = { identity, config, engine: engineName }
  const handler = createHandler({
    context: {
      ...{ config, engineName, kernel, engine, models, onError, receiptKey: key.address },
      book: createReceiptBook(key, config, engineName),
      nonces: createNonces(),
      load: createLoad(inference.sequences),
      terms: () => terms,
    },
    attestations: createAttestations(own, attester, models),
    recipient,
  })
  const servers: [string, Server][] = [
    ['api.sock', createPlainServer(handler)],
    ['tls.sock', createSecureServer(handler, tlsKey, certificate)],
  ]
  return {
    identity: () => own,
    attest: async nonce => ({ evidence: await attester.attest(nonce) }),
    models,
    setTerms(newest) {
      terms = newest
    },
    async listen() {
      for (const [name, server] of servers) {
        server.listen(join(dirname(sockets.channel), name))
        await once(server, 'listening')
      }
    },
    close() {
      for (const [, server] of servers) {
        server.close()
        server.closeAllConnections()
      }
      engine.close()
    },
  }
}
