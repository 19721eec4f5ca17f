import { decodePipeline, encodeTensor, messageOf } from '@nacre/verify'
import type { InferenceSession } from 'onnxruntime-node'
import type { Session } from '../artifactTypes.ts'
import { inspectModel } from '../onnx.ts'
import { engine, openSession, unsupported } from '../session.ts'
import { readInvoiceTotal } from './invoiceTotal.ts'
import { createReader } from './recognise.ts'

/**
 * Opens a pipeline: a picture's file to the invoice's total, int64 [3]: amount in minor units, currency by its ISO
 * 4217 number, confidence in thousandths.
 * @throws ChannelError unsupported-model
 */
export async function openPipeline(bytes: Uint8Array): Promise<Session> {
  const { manifest, files } = decode(bytes)
  const [model, characters] = [files[0]!, charactersOf(files[1]!)]
  inspectModel(model)
  const session = await openSession(model)
  try {
    checkTypes(session, characters.length + 1)
    const { Tensor } = await engine()
    const run = async (picture: Uint8Array): Promise<Uint8Array> => {
      const reader = createReader({ session, Tensor, characters })
      const { amount, currency, confidence } = await readInvoiceTotal(picture, reader, manifest.minConfidence)
      const data = BigInt64Array.of(amount, BigInt(currency), BigInt(confidence))
      return encodeTensor({ dtype: 'int64', dims: [3], data })
    }
    return { input: { media: 'image/png' }, output: { dtype: 'int64', dims: [3] }, run }
  } catch (error) {
    await session.release()
    throw error
  }
}

function decode(bytes: Uint8Array): ReturnType<typeof decodePipeline> {
  try {
    return decodePipeline(bytes)
  } catch (cause) {
    throw unsupported(messageOf(cause), cause)
  }
}

/** One character a line, in the order of the model's classes; the last class is the space. */
function charactersOf(file: Uint8Array): string[] {
  try {
    const lines = new TextDecoder('utf-8', { fatal: true }).decode(file).split('\n')
    if (lines.at(-1) === '') lines.pop()
    if (lines.every(line => [...line].length === 1)) return [...lines, ' ']
  } catch (cause) {
    throw unsupported('the characters are not UTF-8', cause)
  }
  throw unsupported('the characters are not one a line')
}

/** PP-OCR's recognition: float32 [1, 3, 48, width] to the probability of each class at each step. */
function checkTypes({ inputMetadata, outputMetadata }: InferenceSession, classes: number): void {
  const [input, output] = [inputMetadata[0], outputMetadata[0]]
  const single = inputMetadata.length === 1 && outputMetadata.length === 1
  if (!single || !input?.isTensor || !output?.isTensor) throw unsupported('exactly one input and one output')
  const takes =
    input.type === 'float32' && input.shape.length === 4 && input.shape[1] === 3 && input.shape[2] === 48
  const gives = output.type === 'float32' && output.shape.length === 3 && output.shape[2] === classes
  if (!takes || !gives) throw unsupported(`no recognition of text lines with ${classes} classes`)
}
