import { runProgram } from './program.ts'
import { zkEngine } from './zkEngine.ts'

/** The image `nacre-zk`. */
runProgram(zkEngine, import.meta.filename)
