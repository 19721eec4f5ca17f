/** The kernels' WebAssembly (proofs/kernels): modules, and instances over a memory. */
import { KERNELS } from './kernels.wasm.ts'

/** In bytes. */
export type Address = number

type Kernel<Arguments extends string[]> = (...a: { [I in keyof Arguments]: number }) => void
/** One whose elements threads can share: which ones it does. */
type Part<Arguments extends string[]> = Kernel<[...Arguments, 'from', 'to']>

type Exports<Shared> = {
  heapBase(): number
  useScratch: Kernel<['at']>
  sha256: Kernel<['dst', 'src', 'length']>
  toResidues: Kernel<['dst', 'src', 'n']>
  toMont: Kernel<['dst', 'src', 'n']>
  fromMont: Kernel<['dst', 'src', 'n']>
  liftAll: Kernel<['dst', 'src', 'n']>
  fill: Kernel<['dst', 'n', 'value']>
  eqTable: Kernel<['dst', 'point', 'bits', 'scale']>
  eqTableAdd: Kernel<['dst', 'point', 'bits', 'scale', 'scratch']>
  dotExt: Kernel<['dst', 'a', 'b', 'n']>
  fingerprints: Kernel<['dst', 'a', 'b', 'c', 'n', 'start', 'powers']>
  nttTables: Kernel<['cosets', 'twiddles', 'c', 'w']>
  denseI32: Kernel<['y', 'x', 'w', 'bias', 'outputs', 'features']>
  convI32: Kernel<['y', 'x', 'w', 'bias', 'shape']>
} & Shared

/** n counts elements. */
type Shareable = {
  sha256Columns: ['dst', 'matrix', 'rows', 'n']
  sha256Nodes: ['dst', 'src', 'n']
  gather: ['dst', 'table', 'index', 'n']
  sumHalves: ['dst', 'src', 'n']
  addScaled: ['dst', 'src', 'n', 'k']
  foldExt: ['dst', 'src', 'n', 'r']
  foldBase: ['dst', 'src', 'n', 'r']
  dotRows: ['dst', 'matrix', 'rows', 'cols', 'weights']
  dotCols: ['dst', 'matrix', 'rows', 'cols', 'weights']
  product2: ['a', 'b', 'n', 'out']
  product2Base: ['a', 'b', 'n', 'out']
  product3: ['e', 'a', 'b', 'n', 'out']
  fractionTree: ['p', 'q', 'n', 'p2', 'q2']
  fractionRound: ['p0', 's', 'q0', 'q1', 'eq', 'n', 'out']
  encodeRows: ['dst', 'src', 'rows', 'c', 'cosets', 'twiddles']
}

export type SharedKernel = keyof Shareable
/** As they are exported, and as the prover calls them: whole. */
export type RawKernels = Exports<{ [K in SharedKernel]: Part<Shareable[K]> }>
export type Kernels = Exports<{ [K in SharedKernel]: Kernel<Shareable[K]> }>

export type Memory = { buffer: ArrayBuffer; grow(pages: number): number }
export type Module = object

export const PAGE = 65536
/** Pages, of which the first is the module's own; MAX is what proofs/scripts/buildKernels.ts says. */
const INITIAL = 1
const MAX = 32768

/** WebAssembly's API as far as it is used: Node and browsers have it, ECMAScript's types do not. */
const WASM = (
  globalThis as unknown as {
    WebAssembly: {
      compile(bytes: Uint8Array): Promise<Module>
      Instance: new (module: Module, imports: object) => { exports: object }
      Memory: new (options: { initial: number; maximum: number; shared: boolean }) => Memory
    }
  }
).WebAssembly

const modules: { alone?: Promise<Module>; shared?: Promise<Module> } = {}

/** Compiled once, for a memory of one thread or for a shared one. */
export function moduleOf(kind: 'alone' | 'shared'): Promise<Module> {
  modules[kind] ??= WASM.compile(binaryOf(kind))
  return modules[kind]
}

export function memoryOf(kind: 'alone' | 'shared'): Memory {
  return new WASM.Memory({ initial: INITIAL, maximum: MAX, shared: kind === 'shared' })
}

/** A page may, if it is isolated from other origins (HTML, crossOriginIsolated); Node always may. */
export function canShareMemory(): boolean {
  const { crossOriginIsolated = true } = globalThis as { crossOriginIsolated?: boolean }
  return crossOriginIsolated && typeof SharedArrayBuffer === 'function'
}

export function instantiate(module: Module, memory: Memory): RawKernels {
  return new WASM.Instance(module, { env: { memory } }).exports as RawKernels
}

/** The import of the memory: module env, name memory, kind 2; a flag follows. */
const IMPORT = [3, ...bytesOf('env'), 6, ...bytesOf('memory'), 2]
/** It has a maximum; and it is shared. */
const FLAGS = { alone: 1, shared: 3 }

/** The same code runs on both kinds of memory: only the import's flag says which it is. */
function binaryOf(kind: 'alone' | 'shared'): Uint8Array {
  const binary = Uint8Array.from(bytesOf(atob(KERNELS.replaceAll('\n', ''))))
  const at = binary.findIndex((_, i) => IMPORT.every((byte, k) => binary[i + k] === byte))
  binary[at + IMPORT.length] = FLAGS[kind]
  return binary
}

function bytesOf(text: string): number[] {
  return Array.from(text, c => c.charCodeAt(0))
}
