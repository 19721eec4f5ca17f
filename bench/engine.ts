import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Case } from './cases.ts'
import { measure, type Times } from './stats.ts'

/** The engine alone, in this process: what an answer costs without any attestation. */
export async function benchEngine({ path, input }: Case): Promise<Times> {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1 })
  try {
    const tensor = new Tensor(input.dtype as 'float32', input.data as Float32Array, [...input.dims])
    return await measure(300, 30, () => session.run({ [session.inputNames[0]!]: tensor }))
  } finally {
    await session.release()
  }
}
