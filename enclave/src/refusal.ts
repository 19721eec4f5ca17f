/** An input that an engine does not answer: a receipt with the status bad-input, and this text. */
export class Refusal extends Error {}

/** @param code lower-case words with dashes; docs/protocol.md lists a pipeline's, docs/attestation.md a verdict's */
export function refuse(code: string, detail: string): never {
  throw new Refusal(`${code}: ${detail}`)
}
