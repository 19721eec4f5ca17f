import type { ColumnName, Graph } from '../graph/graph.ts'
import { bytesOfK } from './bytes.ts'
import { equal, inverse, type K, mul, ONE, scale, sub, toK, ZERO } from './field.ts'
import type { Packed, SlowLayout } from './layout.ts'
import { bits, Valid } from './points.ts'
import { type Summed, sumcheck } from './sumcheck.ts'
import { functionOf } from './tables.ts'
import type { Transcript } from './transcript.ts'
import type { Witness } from './witness.ts'

/** An equation that the verifier will check of a message: affine in each of its values. */
export type Check = {
  of: (values: readonly K[]) => K
  wanted: K
  /** The value that a cheating prover bends to satisfy it. */
  bend?: number
}

/** Where a cheating prover leaves the protocol. */
export type MessageCheat = {
  /** Another message; `ordinal` counts those of the same label from 0. */
  tamper?: (label: string, ordinal: number, values: readonly K[]) => readonly K[]
  /**
   * What to do where a check of a message does not hold. "mend" bends a value so that it holds: the lie moves on to what
   * comes later. "send" sends what the honest prover would: that check alone fails, and what comes later is true.
   */
  failing?: (label: string, ordinal: number) => 'mend' | 'send'
}

/** Ṽ(point) = value for a packed vector. */
export type Claim = { vector: Packed; point: readonly K[]; value: K }

/** The state of one proof: claims, the transcript, what was sent. */
export type Run = {
  graph: Graph
  layout: SlowLayout
  witness: Witness
  /** Sends, absorbs and returns a message, in which `checks` hold. */
  send: (label: string, values: readonly K[], ...checks: Check[]) => readonly K[]
  challenge: (label: string, count: number) => K[]
  sum: (
    claim: K,
    degree: 2 | 3,
    tables: readonly (readonly K[])[],
    combine: (values: readonly K[]) => K,
  ) => Summed
  /** claim(T, r, v) of section 7. */
  claim: (tensor: number, point: readonly K[], value: K) => void
  claimColumn: (node: number, name: ColumnName, point: readonly K[], value: K) => void
  claimParameter: (parameter: number, point: readonly K[], value: K) => void
  /** Kept for step 6, by tensor. */
  virtual: { point: readonly K[]; value: K }[][]
  /** Kept for the openings, in order of arrival. */
  claims: { D: Claim[]; W: Claim[] }
  /** The proof's elements up to now. */
  bytes: Uint8Array[]
}

export function createRun(
  graph: Graph,
  layout: SlowLayout,
  witness: Witness,
  transcript: Transcript,
  cheat: MessageCheat,
): Run {
  const sent = new Map<string, number>()
  const claims: Run['claims'] = { D: [], W: [] }
  const virtual: Run['virtual'] = layout.shapes.map(() => [])
  const bytes: Uint8Array[] = []

  const send: Run['send'] = (label, honest, ...checks) => {
    const ordinal = sent.get(label) ?? 0
    sent.set(label, ordinal + 1)
    const tampered = cheat.tamper?.(label, ordinal, honest) ?? honest
    const values = checks.reduce<readonly K[]>((list, check) => {
      if (equal(check.of(list), check.wanted)) return list
      if (!cheat.failing) throw new Error(`the prover's own check of "${label}" fails`)
      return cheat.failing(label, ordinal) === 'mend' ? bend(list, check) : list
    }, tampered)
    const data = bytesOfK(values)
    bytes.push(data)
    transcript.absorb(label, data)
    return values
  }

  const claimColumn: Run['claimColumn'] = (node, name, point, value) => {
    const vector = layout.columns.find(column => column.node === node && column.name === name)!
    claims.D.push({ vector, point, value })
  }

  return {
    graph,
    layout,
    witness,
    send,
    claimColumn,
    challenge: transcript.challenge,
    sum: (claim, degree, tables, combine) =>
      sumcheck(claim, degree, tables, combine, { send, point: () => transcript.challenge('point', 1)[0]! }),
    claim(tensor, point, value) {
      const node = graph.nodes[tensor - 1]
      const valid = (): K => Valid(layout.shapes[tensor]!.dims, point)
      if (!node) return // the input: the verifier's own affair
      if (node.op === 'lookup') {
        const f0 = functionOf(graph, node.f)(0)
        claimColumn(tensor - 1, 'y0', point, sub(value, scale(f0, valid())))
      } else if (node.op === 'max') claimColumn(tensor - 1, 'M', point, value)
      else if (node.op === 'argmax') {
        const top = 2 ** bits(layout.shapes[node.x]!.dims.at(-1)!) - 1
        claimColumn(tensor - 1, 'J', point, sub(scale(top, valid()), value))
      } else virtual[tensor]!.push({ point, value })
    },
    claimParameter(parameter, point, value) {
      claims.W.push({ vector: layout.parameters[parameter]!, point, value })
    },
    virtual,
    claims,
    bytes,
  }
}

/** The values with one of them such that the check holds. */
function bend(values: readonly K[], { of, wanted, bend: index = 0 }: Check): readonly K[] {
  const at = (value: K): readonly K[] => values.with(index, value)
  const constant = of(at(ZERO))
  const slope = sub(of(at(ONE)), constant)
  return at(mul(sub(wanted, constant), inverse(slope)))
}

/** Integers and elements of F, as a table for a sumcheck. */
export const tableOf = (values: readonly (bigint | number)[]): K[] => values.map(toK)
