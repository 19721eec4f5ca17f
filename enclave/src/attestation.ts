import { attestationEngine } from './attestationEngine.ts'
import { runProgram } from './program.ts'

/** The image `nacre-attestation`. */
runProgram(attestationEngine, import.meta.filename)
