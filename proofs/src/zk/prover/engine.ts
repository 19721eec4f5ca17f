/**
 * The kernels' WebAssembly and its memory. Addresses are in bytes; in memory an element of F takes 4 bytes, one of K
 * 16, in Montgomery form unless a name says otherwise. Memory is an arena: `release(mark())` frees all that came after.
 */
import { type K, mulF } from './field.ts'
import { Team } from './team.ts'
import type { Thread } from './threads.ts'
import {
  type Address,
  canShareMemory,
  instantiate,
  type Kernels,
  type Memory,
  type Module,
  memoryOf,
  moduleOf,
  PAGE,
  type SharedKernel,
} from './wasm.ts'
import { runAlone, SHARED_KERNELS } from './work.ts'

export type { Address, Kernels } from './wasm.ts'

/** 2^32 mod P and its inverse: into Montgomery form, and out of it. */
const R = 268435454
const R_INVERSE = 943718400

/** What a hash takes while it is made. */
const SCRATCH = 1280

export class Engine {
  readonly kernels: Kernels
  readonly #memory: Memory
  readonly #team: Team | undefined
  #top: Address
  #peak = 0
  #bytes!: Uint8Array
  #words!: Uint32Array
  #integers!: Int32Array

  private constructor(module: Module, memory: Memory, threads: readonly Thread[]) {
    const raw = instantiate(module, memory)
    this.#memory = memory
    this.#top = Math.ceil(raw.heapBase() / 16) * 16
    this.#look()
    raw.useScratch(this.alloc(SCRATCH))
    if (threads.length > 0) {
      const room = { slots: this.alloc(Team.slotsSize), scratch: threads.map(() => this.alloc(SCRATCH)) }
      this.#team = new Team(threads, raw, { module, memory }, room)
    }
    const run = (name: SharedKernel, a: number[]): void =>
      this.#team ? this.#team.run(name, a, this.#words) : runAlone(raw, name, a)
    const whole = SHARED_KERNELS.map(name => [name, (...a: number[]) => run(name, a)])
    this.kernels = { ...raw, ...Object.fromEntries(whole) }
  }

  /** @param threads what shares the kernels' work: none unless given, and none where memory cannot be shared */
  static async load(threads: readonly Thread[] = []): Promise<Engine> {
    const useful = canShareMemory() ? threads : []
    const kind = useful.length > 0 ? 'shared' : 'alone'
    return new Engine(await moduleOf(kind), memoryOf(kind), useful)
  }

  /** f's result; while it runs, the threads share its kernels. */
  together<T>(f: () => T): T {
    return this.#team ? this.#team.together(f) : f()
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
      this.#memory.grow(Math.ceil(missing / PAGE))
      this.#look()
    }
    return at
  }

  #look(): void {
    const { buffer } = this.#memory
    this.#bytes = new Uint8Array(buffer)
    this.#words = new Uint32Array(buffer)
    this.#integers = new Int32Array(buffer)
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

/** In Montgomery form: for kernels that take an element of F by value. */
export function montgomery(f: number): number {
  return mulF(f, R)
}
