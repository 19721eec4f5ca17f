import { onnxEngine } from './onnxEngine.ts'
import { runProgram } from './program.ts'

/** The image `nacre-onnx`. */
runProgram(onnxEngine, import.meta.filename)
