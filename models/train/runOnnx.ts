import type { Tensor } from '@nacre/verify'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { INPUT, OUTPUT } from './onnx.ts'

/** Opens an ONNX file that `encodeOnnx` wrote on one thread of onnxruntime's CPU provider. */
export async function openOnnx(onnx: Uint8Array): Promise<(input: Tensor) => Promise<Tensor>> {
  const session = await InferenceSession.create(onnx, { intraOpNumThreads: 1, executionProviders: ['cpu'] })
  return async ({ dtype, dims, data }) => {
    const output = (await session.run({ [INPUT]: new OrtTensor(dtype, data, dims) }))[OUTPUT]
    if (!(output?.data instanceof Float32Array))
      throw new TypeError(`expected a float32 tensor named ${OUTPUT}`)
    return { dtype: 'float32', dims: output.dims, data: output.data }
  }
}

/** One run of an ONNX file. */
export async function runOnnx(onnx: Uint8Array, input: Tensor): Promise<Tensor> {
  return (await openOnnx(onnx))(input)
}
