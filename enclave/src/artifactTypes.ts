import type { Dtype } from '@nacre/verify'

/** A tensor as a model declares it; -1 is a dimension that the model leaves free. */
export type TensorType = { dtype: Dtype; dims: number[] }

/** A file as it is, whose decoding is measured code: a picture, a case, a statement. */
export type FileType = { media: 'image/png' | 'application/cbor' | 'application/octet-stream' }

export type ModelTypes = { input: TensorType | FileType; output: TensorType | FileType }

/** An opened artifact: it runs a tensor's canonical bytes, or a file's, to a tensor's or a file's. */
export type Session = ModelTypes & {
  /** @throws Refusal of the input; Error of the engine, or when its output is not finite */
  run(input: Uint8Array): Promise<Uint8Array>
}

/** What makes one image another than the next: the name in its receipts, and what it does with an artifact. */
export type EngineKind = {
  name: string
  /** @throws ChannelError unsupported-model */
  open(artifact: Uint8Array): Promise<Session>
}
