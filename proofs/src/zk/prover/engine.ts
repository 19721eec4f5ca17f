/**
 * The kernels' WebAssembly and its memory. Addresses are in bytes; in memory an element of F takes 4 bytes, one of K
 * 16, in Montgomery form unless a name says otherwise. Memory is an arena: `release(mark())` frees all that came after.
 */
import { type K, mulF } from './field.ts'
import { KERNELS } from './kernels.wasm.ts'

export type Address = number

type Kernel<Arguments extends string[]> = (...a: { [I in keyof Arguments]: number }) => void

/** proofs/kernels; n counts elements. */
export type Kernels = {
  memory: { buffer: ArrayBuffer; grow(pages: number): number }
  heapBase(): number
  sha256: Kernel<['dst', 'src', 'length']>
  sha256Columns: Kernel<['dst', 'matrix', 'rows', 'n', 'from', 'to']>
  sha256Nodes: Kernel<['dst', 'src', 'n']>
  toResidues: Kernel<['dst', 'src', 'n']>
  toMont: Kernel<['dst', 'src', 'n']>
  fromMont: Kernel<['dst', 'src', 'n']>
  liftAll: Kernel<['dst', 'src', 'n']>
  fill: Kernel<['dst', 'n', 'value']>
  gather: Kernel<['dst', 'table', 'index', 'n']>
  sumHalves: Kernel<['dst', 'src', 'n']>
  addScaled: Kernel<['dst', 'src', 'n', 'k']>
  eqTable: Kernel<['dst', 'point', 'bits', 'scale']>
  eqTableAdd: Kernel<['dst', 'point', 'bits', 'scale', 'scratch']>
  foldExt: Kernel<['dst', 'src', 'n', 'r']>
  foldBase: Kernel<['dst', 'src', 'n', 'r']>
  dotRows: Kernel<['dst', 'matrix', 'rows', 'cols', 'weights']>
  dotCols: Kernel<['dst', 'matrix', 'rows', 'cols', 'weights']>
  dotExt: Kernel<['dst', 'a', 'b', 'n']>
  fingerprints: Kernel<['dst', 'a', 'b', 'c', 'n', 'start', 'powers']>
  product2: Kernel<['a', 'b', 'n', 'out']>
  product2Base: Kernel<['a', 'b', 'n', 'out']>
  product3: Kernel<['e', 'a', 'b', 'n', 'out']>
  fractionTree: Kernel<['p', 'q', 'n', 'p2', 'q2']>
  fractionRound: Kernel<['p0', 's', 'q0', 'q1', 'eq', 'n', 'out']>
  nttTables: Kernel<['cosets', 'twiddles', 'c', 'w']>
  denseI32: Kernel<['y', 'x', 'w', 'bias', 'outputs', 'features']>
  convI32: Kernel<['y', 'x', 'w', 'bias', 'shape']>
  encodeRows: Kernel<['dst', 'src', 'rows', 'c', 'cosets', 'twiddles']>
}

/** 2^32 mod P and its inverse: into Montgomery form, and out of it. */
const R = 268435454
const R_INVERSE = 943718400

const PAGE = 65536

/** WebAssembly's API as far as it is used: Node and browsers have it, ECMAScript's types do not. */
const WASM = (
  globalThis as unknown as {
    WebAssembly: {
      compile(bytes: Uint8Array): Promise<object>
      instantiate(module: object, imports: object): Promise<{ exports: object }>
    }
  }
).WebAssembly

export class Engine {
  readonly kernels: Kernels
  #top: Address
  #peak = 0
  #bytes: Uint8Array
  #words: Uint32Array
  #integers: Int32Array

  private constructor(kernels: Kernels) {
    this.kernels = kernels
    this.#top = Math.ceil(kernels.heapBase() / 16) * 16
    const { buffer } = kernels.memory
    this.#bytes = new Uint8Array(buffer)
    this.#words = new Uint32Array(buffer)
    this.#integers = new Int32Array(buffer)
  }

  static async load(): Promise<Engine> {
    compiled ??= WASM.compile(Uint8Array.from(atob(KERNELS.replaceAll('\n', '')), c => c.charCodeAt(0)))
    const { exports } = await WASM.instantiate(await compiled, {})
    return new Engine(exports as unknown as Kernels)
  }

  /** Views of the memory, until the next `alloc`. */
  get bytes(): Uint8Array {
    return this.#bytes
  }
  get words(): Uint32Array {
    return this.#words
  }

  /** A view of n integers at an address, until the next `alloc`. */
  integers(at: Address, n: number): Int32Array {
    return this.#integers.subarray(at >>> 2, (at >>> 2) + n)
  }

  /** Room for some bytes, not cleared, at a multiple of 16. */
  alloc(size: number): Address {
    const at = this.#top
    this.#top += Math.ceil(size / 16) * 16
    this.#peak = Math.max(this.#peak, this.#top)
    const missing = this.#top - this.#bytes.length
    if (missing > 0) {
      this.kernels.memory.grow(Math.ceil(missing / PAGE))
      const { buffer } = this.kernels.memory
      this.#bytes = new Uint8Array(buffer)
      this.#words = new Uint32Array(buffer)
      this.#integers = new Int32Array(buffer)
    }
    return at
  }

  /** Room for n elements of K. */
  vector(n: number): Address {
    return this.alloc(16 * n)
  }

  /** The most bytes that were in use at once. */
  get peak(): number {
    return this.#peak
  }

  mark(): Address {
    return this.#top
  }

  release(mark: Address): void {
    this.#top = mark
  }

  /** f's result; what it allocated is free again. */
  scoped<T>(f: () => T): T {
    const mark = this.#top
    try {
      return f()
    } finally {
      this.#top = mark
    }
  }

  store(at: Address, k: K): void {
    const word = at >>> 2
    for (let i = 0; i < 4; i++) this.#words[word + i] = mulF(k[i]!, R)
  }

  load(at: Address): K {
    const word = at >>> 2
    const w = this.#words
    return [
      mulF(w[word]!, R_INVERSE),
      mulF(w[word + 1]!, R_INVERSE),
      mulF(w[word + 2]!, R_INVERSE),
      mulF(w[word + 3]!, R_INVERSE),
    ]
  }

  /** Elements of K in new memory. */
  put(...elements: readonly K[]): Address {
    const at = this.vector(Math.max(1, elements.length))
    elements.forEach((k, i) => {
      this.store(at + 16 * i, k)
    })
    return at
  }

  /** Integers of less than P in new memory, in Montgomery form. */
  putIntegers(values: Int32Array): Address {
    const at = this.alloc(Math.max(16, 4 * values.length))
    this.integers(at, values.length).set(values)
    this.kernels.toMont(at, at, values.length)
    return at
  }

  /** eq(point, i) * factor for all i, in new memory. */
  eqTable(point: readonly K[], factor: K): Address {
    const table = this.vector(2 ** point.length)
    this.scoped(() => this.kernels.eqTable(table, this.put(...point), point.length, this.put(factor)))
    return table
  }
}

let compiled: Promise<object> | undefined

/** In Montgomery form: for kernels that take an element of F by value. */
export function montgomery(f: number): number {
  return mulF(f, R)
}
