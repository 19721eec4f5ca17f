import { tellStream } from './answerStream.ts'
import { answerText, type Plan } from './answerText.ts'
import { tellWhole } from './answerWhole.ts'
import { samplingOf } from './commonFields.ts'
import { type CompletionFields, readCompletion } from './completionFields.ts'
import type { Model } from './modelStore.ts'
import type { Question } from './question.ts'
import { completionShape } from './shapes.ts'

/** POST /v1/completions. @throws ApiError, EngineError before the first byte */
export async function answerCompletion(question: Question, body: unknown): Promise<void> {
  const fields = readCompletion(body)
  const plan = planOf(fields, question.context.models.get(fields.model))
  await answerText(question, plan, fields.stream ? tellStream : tellWhole)
}

function planOf(fields: CompletionFields, model: Model): Plan {
  const { prompt: prompts, n, stream, stream_options: options, stop, logprobs } = fields
  const maxTokens = fields.max_tokens ?? model.facts.contextLength
  const withTokens = logprobs !== undefined
  return {
    kind: 'cmpl',
    model,
    generations: prompts.flatMap((prompt, i) =>
      Array.from({ length: n }, (_, j) => ({
        ...{ prompt, maxTokens, stop, sampling: samplingOf(fields, i * n + j) },
        ...(withTokens && { topLogprobs: logprobs }),
      })),
    ),
    perPrompt: n,
    reading: { as: 'text' },
    withTokens,
    shape: completionShape(withTokens),
    stream,
    includeUsage: options?.include_usage ?? false,
    settings: { ...samplingOf(fields, 0), api: 'completions', maxTokens, n },
  }
}
