/** The prover's transcript, docs/zk-soundness.md section 3: the state S lies in the engine's memory, its hash is a kernel. */
import type { Address, Engine } from './engine.ts'
import { type K, P } from './field.ts'

/** The words that follow a challenge; those that are left when it goes are dropped. */
export type Words = {
  element(): K
  elements(n: number): K[]
  /** A position below n, a power of two. */
  position(n: number): number
}

export class Transcript {
  readonly #engine: Engine
  readonly #state: Address

  constructor(engine: Engine) {
    this.#engine = engine
    this.#state = engine.alloc(32)
    this.#hash(this.#state, [0x10], ascii('nacre.zk.1'))
  }

  absorb(label: string, data: Uint8Array): void {
    const name = ascii(label)
    this.#hash(this.#state, [0x11], this.#current(), [name.length], name, u32(data.length), data)
  }

  challenge(label: string): Words {
    const name = ascii(label)
    this.#hash(this.#state, [0x12], this.#current(), [name.length], name)
    return this.#words()
  }

  #words(): Words {
    let [held, blocks] = [[] as number[], 0]
    const word = (): number => {
      if (held.length === 0) held = this.#block(blocks++)
      return held.shift()!
    }
    const base = (): number => {
      for (;;) {
        const candidate = word() & 0x7fffffff
        if (candidate < P) return candidate
      }
    }
    const element = (): K => [base(), base(), base(), base()]
    return {
      element,
      elements: n => Array.from({ length: n }, element),
      position: n => (word() & (n - 1)) >>> 0,
    }
  }

  #block(index: number): number[] {
    return this.#engine.scoped(() => {
      const at = this.#engine.alloc(32)
      this.#hash(at, [0x13], this.#current(), u32(index))
      return Array.from(this.#engine.words.subarray(at >>> 2, (at >>> 2) + 8))
    })
  }

  #current(): Uint8Array {
    return this.#engine.bytes.slice(this.#state, this.#state + 32)
  }

  /** H of parts; a part that lies in the engine's memory is a copy, as memory may move. */
  #hash(dst: Address, ...parts: ArrayLike<number>[]): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    this.#engine.scoped(() => {
      const at = this.#engine.alloc(length)
      let to = at
      for (const part of parts) {
        this.#engine.bytes.set(part, to)
        to += part.length
      }
      this.#engine.kernels.sha256(dst, at, length)
    })
  }
}

function ascii(text: string): number[] {
  return Array.from(text, c => c.charCodeAt(0))
}

function u32(n: number): number[] {
  return [n & 0xff, (n >>> 8) & 0xff, (n >>> 16) & 0xff, n >>> 24]
}
