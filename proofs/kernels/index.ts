/** The prover's kernels: WebAssembly without a runtime, over a memory that the caller lays out (prover/engine.ts). */
export * from './vectors'
export * from './sumcheck'
export * from './ntt'
export { convI32, denseI32 } from './integers'
export { sha256, sha256Columns, sha256Nodes, useScratch } from './sha256'

/** The first byte that is the caller's. */
export function heapBase(): usize {
  return __heap_base
}
