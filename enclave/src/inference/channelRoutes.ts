import type { IncomingMessage } from 'node:http'
import type { Hex } from '@nacre/verify'
import { type ChannelRoutes, get, post, streamed } from '../channel.ts'
import { ChannelError } from '../errors.ts'
import { readArtifactHeader, readAttest } from '../job.ts'
import { MAX_SMALL_BODY } from '../limits.ts'
import { MAX_ID } from './commonFields.ts'
import type { LanguageService } from './service.ts'
import { readTerms } from './terms.ts'

/** docs/inference.md, Channel of such an image. */
export function languageRoutes(service: LanguageService, maxArtifact: number): ChannelRoutes {
  return new Map([
    ['/v1/health', get(() => ({ ok: true }))],
    ['/v1/identity', get(() => service.identity())],
    ['/v1/attest', post(MAX_SMALL_BODY, (_, body) => service.attest(readAttest(body).nonce))],
    ['/v1/artifacts', streamed(maxArtifact, (request, size) => addModel(service, request, size))],
    [
      '/v1/terms',
      post(MAX_SMALL_BODY, (_, body) => {
        service.setTerms(readTerms(body))
        return { ok: true }
      }),
    ],
  ])
}

async function addModel(service: LanguageService, request: IncomingMessage, size: number): Promise<unknown> {
  const { headers } = request
  const artifact: Hex = readArtifactHeader(headers['x-artifact'])
  const id = readModelId(headers['x-model'])
  const { facts } = await service.models.add({ id, artifact, size }, request)
  return { artifact, size, model: { id, contextLength: facts.contextLength, chat: facts.chat } }
}

/** @throws ChannelError malformed-job */
function readModelId(header: unknown): string {
  const id = typeof header === 'string' ? header : ''
  if (id.length <= MAX_ID && /^[A-Za-z0-9._:/-]+$/.test(id)) return id
  throw new ChannelError('malformed-job', `x-model must be 1 to ${MAX_ID} of A-Za-z0-9._:/-`)
}
