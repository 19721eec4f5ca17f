import { isPipeline } from '@nacre/verify'
import type { EngineKind } from './artifactTypes.ts'
import { ENGINE } from './engineName.ts'
import { openPipeline } from './pipelines/open.ts'
import { openModel } from './session.ts'

/** The engine of the image `nacre-onnx`: models, and pipelines around them. */
export const onnxEngine: EngineKind = {
  name: ENGINE,
  open: artifact => (isPipeline(artifact) ? openPipeline : openModel)(artifact),
}
