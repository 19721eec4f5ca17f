/** Longest line of a stream, characters: one token with twenty likely ones beside it has a few thousand. */
const MAX_LINE = 262_144

/**
 * The data of each server-sent event (WHATWG HTML, 9.2.6), as far as OpenAI's streams use them: one `data` line each, up
 * to `[DONE]`. What ends without it was cut off. @throws Error
 */
export async function* dataOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<unknown, void, undefined> {
  for await (const line of linesOf(body)) {
    if (!line.startsWith('data:')) continue
    const data = line.slice(5).trim()
    if (data === '[DONE]') return
    yield JSON.parse(data)
  }
  throw new Error('its stream was cut off')
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let held = ''
  for await (const chunk of body) {
    const lines = (held + decoder.decode(chunk, { stream: true })).split(/\r?\n/)
    held = lines.pop()!
    if (held.length > MAX_LINE) throw new Error(`a line of more than ${MAX_LINE} characters`)
    yield* lines
  }
}
