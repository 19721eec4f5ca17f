import type { Model } from './modelStore.ts'
import type { Context } from './question.ts'
import type { Terms } from './terms.ts'

/** GET /v1/models: OpenAI's list, with what nobody else tells. */
export function modelList({ models, terms }: Context): unknown {
  return { object: 'list', data: models.list().map(model => describe(model, terms())) }
}

/** GET /v1/models/{id}. @throws ApiError model_not_found, not_ready */
export function modelOf({ models, terms }: Context, id: string): unknown {
  return describe(models.get(id), terms())
}

function describe({ id, artifact, facts, created }: Model, terms: Terms | undefined): unknown {
  const { token, prompt, completion } = terms?.prices ?? {}
  return {
    ...{ id, object: 'model', created, owned_by: 'nacre', artifact },
    context_length: facts.contextLength,
    ...(token && { pricing: { token, prompt: `${prompt}`, completion: `${completion}` } }),
  }
}
