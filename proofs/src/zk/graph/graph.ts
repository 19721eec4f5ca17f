/**
 * A quantised network as a graph of integers: what a proof is about (docs/zk-soundness.md, sections 2 and 4). Tensor 0
 * is the input; node j, from 0, makes tensor j + 1 of tensors with smaller numbers. Dimensions never name the batch.
 */

/** Bounds of a tensor's values, both included. */
export type Range = { lo: number; hi: number }

export type Graph = {
  input: { dims: number[] } & Range
  /** Functions by their values at q = -2^(w-1), ..., 2^(w-1) - 1. */
  tables: Int16Array[]
  parameters: { dims: number[] }[]
  nodes: Node[]
  /** Tensors, ascending. */
  outputs: number[]
}

/** One operator; section 2.2 says what each computes. `x`, `a`, `b` are tensors, `weight` and `bias` parameters. */
export type Node = Range &
  (
    | { op: 'dense'; x: number; weight: number; bias?: number }
    | ({ op: 'conv'; x: number; weight: number; bias?: number } & Stride)
    | ({ op: 'unfold'; x: number; kernel: [number, number] } & Stride)
    | { op: 'sum'; x: number; count: number }
    | { op: 'matmul'; a: number; b: number; transposed: boolean }
    | { op: 'add'; a: number; b: number; ca: number; cb: number }
    | { op: 'mul'; a: number; b: number }
    | { op: 'reshape'; x: number; dims: number[] }
    | { op: 'permute'; x: number; axes: number[] }
    | {
        op: 'lookup'
        x: number
        multiplier: number
        shift: number
        f: FunctionId
        wide: boolean
        /** w of section 2.2. */
        width: number
      }
    | { op: 'max'; x: number; count: number; width: number }
    /** width is w, window w' of section 2.2. */
    | { op: 'argmax'; x: number; width: number; window: number }
  )

export type Op = Node['op']
/** The node of one operator. */
export type NodeOf<O extends Op> = Extract<Node, { op: O }>

/** A clamp to [a, b], or one of the graph's tables. */
export type FunctionId = { clamp: [number, number] } | { table: number }

/** Vertical, then horizontal. */
export type Stride = {
  stride: [number, number]
  pads: [top: number, bottom: number, left: number, right: number]
}

/** One array a parameter, row-major, without padding. */
export type Weights = Int32Array[]

/** A table of the protocol (section 2.3); width is w, k or v there, 0 where the function says it. */
export type TableId = { kind: 'range' | 'func' | 'sign' | 'sat' | 'nz'; width: number; f?: FunctionId }

/** A column of a committed node (section 4). */
export type ColumnName = 'r0' | 'r1' | 'e' | 'c' | 'y0' | 'M' | 'J' | 'z'

/** A lookup of a committed node, in the order of section 4's rows. */
export type LookupName =
  | 'range0'
  | 'range1'
  | 'func'
  | 'sign'
  | 'sat'
  | 'nz'
  | 'attained'
  | 'index'
  | 'window'

/** A vector in a packing: size is a power of two, offset a multiple of it. */
export type Item = { size: number; offset: number }

/** A matrix of 2^c columns and `rows` rows over `total` packed elements; mu = bits(rows) + c. */
export type MatrixShape = { total: number; c: number; rows: number; mu: number }

export type TensorShape = { dims: number[]; bits: number[]; size: number }

/** Mode 0: committed weights; 1: public weights. */
export type Mode = 0 | 1

/** All that follows from graph, batch and mode (section 4). */
export type Layout = {
  batch: number
  mode: Mode
  /** Batch first; size is the padded size. */
  tensors: TensorShape[]
  /** In section 4's order; the offset is in D. */
  columns: (Item & { node: number; name: ColumnName })[]
  /** In section 4's order; the offset is among the leaves; `table` counts from 0, its id is one more. */
  lookups: (Item & { node: number; table: number; part: LookupName })[]
  /** The offset is among the leaves, that of the multiplicities in D. */
  tables: (Item & { id: TableId; multiplicities: Item })[]
  /** The offset is in W. */
  parameters: Item[]
  leaves: { total: number; nu: number }
  /** Absent where no node is committed. */
  d?: MatrixShape
  /** Absent in mode 1. */
  w?: MatrixShape
  /** In bytes, header included. */
  proofSize: number
}

/** Values are row-major, batch first, without padding. */
export type Statement = {
  graph: Graph
  weights: { id: Uint8Array } | { public: Weights }
  batch: number
  input: Int32Array
  outputs: Int32Array[]
}
