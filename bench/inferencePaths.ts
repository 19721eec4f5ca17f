import { createPrivateClient } from '@nacre/sdk'
import { manifestHash, releaseId, toHex } from '@nacre/verify'
import OpenAI from 'openai'
import type { LanguageEngine } from '../enclave/src/inference/languageEngine.ts'
import type { LanguageEnclave } from '../enclave/test/languageEnclave.ts'
import { pinnedFetch } from './pinnedFetch.ts'

export type Generated = { tokens: number; firstMs: number; totalMs: number }

/** Generates once, with a prompt of its own for every `round`: nothing that was read before is at hand. */
export type Path = (round: number) => Promise<Generated>

const TOKENS = 50

/** Sixteen tokens that are none of the bytes. */
function prompt(round: number): number[] {
  return Array.from({ length: 16 }, (_, i) => 1000 + 37 * i + 1009 * (round % 40))
}

/** llama.cpp in a process of its own, as the enclave starts it, and nothing around it. */
export function alone(engine: LanguageEngine, artifact: `0x${string}`): Path {
  return async round => {
    const request = {
      prompt: { tokens: prompt(round) },
      maxTokens: TOKENS,
      sampling: { temperature: 0, topP: 1, frequencyPenalty: 0, presencePenalty: 0, seed: 1 },
      stop: [],
    }
    const started = performance.now()
    let firstMs = 0
    let tokens = 0
    for await (const piece of engine.generate(artifact, request, new AbortController().signal)) {
      if (piece.type === 'token') firstMs ||= performance.now() - started
      if (piece.type === 'end') tokens = piece.completionTokens
    }
    return { tokens, firstMs, totalMs: performance.now() - started }
  }
}

/**
 * The official client through the SDK's: TLS to the enclave's pinned key, bodies sealed to its other key both ways, and an
 * answer counts when its receipt verifies.
 */
export async function through(
  enclave: LanguageEnclave,
  model: string,
  artifact: `0x${string}`,
): Promise<Path> {
  const { identity } = await enclave.client.identity()
  if (identity.tlsKeyHash === undefined) throw new Error('an enclave without a TLS key')
  const { publisher, manifest } = enclave.release
  const client = createPrivateClient({
    url: enclave.tlsUrl.replace(/\/v1$/, ''),
    policy: {
      version: 1,
      assurance: ['simulated'],
      releases: [releaseId(publisher, manifestHash(manifest))],
      publishers: [],
      maxEvidenceAge: 86_400,
      developmentRoots: [toHex(enclave.root)],
    },
    models: { [model]: artifact },
    fetch: asOperator(pinnedFetch(identity.tlsKeyHash), enclave.release),
  })
  const openai = new OpenAI({
    ...{ baseURL: client.baseURL, apiKey: 'none', maxRetries: 0, timeout: 600_000 },
    fetch: client.fetch,
  })
  return async round => {
    const started = performance.now()
    const stream = await openai.completions.create({
      ...{ model, prompt: prompt(round), max_tokens: TOKENS, temperature: 0, seed: 1 },
      ...{ stream: true, stream_options: { include_usage: true } },
    })
    let firstMs = 0
    let tokens = 0
    for await (const event of stream) {
      if (event.choices.length > 0) firstMs ||= performance.now() - started
      tokens = event.usage?.completion_tokens ?? tokens
    }
    return { tokens, firstMs, totalMs: performance.now() - started }
  }
}

/** An operator says which release runs; here nobody is between client and enclave. */
function asOperator(send: typeof fetch, release: LanguageEnclave['release']): typeof fetch {
  return async (input, init) => {
    const answer = await send(input, init)
    if (!String(input).includes('/v1/attestation/report')) return answer
    return Response.json({ ...((await answer.json()) as object), release })
  }
}
