/** An input that a pipeline does not answer: a receipt with the status bad-input, and this text. */
export class Refusal extends Error {}

/** @param code lower-case words with dashes; docs/protocol.md lists them */
export function refuse(code: string, detail: string): never {
  throw new Refusal(`${code}: ${detail}`)
}
