import { encodeOnnx, INPUT, type Node, OUTPUT, type Weight } from '../../models/train/onnx.ts'

/** A block of `tokens` of `width` elements. */
export type TransformerShape = { tokens: number; width: number; heads: number; hidden: number }

/** Inputs of about the size that a layer normalisation leaves. */
export function tokenSamples({ tokens, width }: TransformerShape, count: number): Float32Array[] {
  return Array.from({ length: count }, (_, s) =>
    Float32Array.from({ length: tokens * width }, (_, i) => Math.sin(i * 12.9898 + s * 78.233) * 2),
  )
}

/** A transformer block as exporters write it, with random weights: it stands for the size, not for a language. */
export function transformerOnnx({ tokens: T, width: d, heads, hidden }: TransformerShape): Uint8Array {
  const weights: Weight[] = []
  const constant = (name: string, dims: number[], values: number[]): string => {
    weights.push({ name, dims, values })
    return name
  }
  const count = (dims: number[]): number => dims.reduce((n, dim) => n * dim, 1)
  let seed = 7
  const matrix = (name: string, ...dims: number[]): string =>
    constant(
      name,
      dims,
      Array.from({ length: count(dims) }, () => {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
        return (seed / 2 ** 31 - 1) * Math.sqrt(3 / dims[0]!)
      }),
    )
  const vector = (name: string, n: number, at: (i: number) => number): string =>
    constant(
      name,
      [n],
      Array.from({ length: n }, (_, i) => at(i)),
    )
  const shape = (name: string, dims: number[]): string => {
    weights.push({ name, dims: [dims.length], values: dims, dtype: 'int64' })
    return name
  }
  const side = d / heads
  const split = shape('split', [0, T, heads, side])
  const joined = shape('joined', [0, T, d])
  const root = constant('root', [], [Math.sqrt(side)])
  const norm = (from: string, name: string): Node => ({
    op: 'LayerNormalization',
    inputs: [
      from,
      vector(`${name}.g`, d, i => 1 + (i % 3) / 4),
      vector(`${name}.o`, d, i => (i % 5) / 10 - 0.2),
    ],
    output: name,
    attributes: { axis: -1 },
  })
  const layer = (from: string, name: string, K: number, N: number): Node[] => [
    { op: 'MatMul', inputs: [from, matrix(`${name}.w`, K, N)], output: `${name}.x` },
    { op: 'Add', inputs: [`${name}.x`, vector(`${name}.b`, N, i => (i % 7) / 20 - 0.15)], output: name },
  ]
  const head = (from: string, perm: number[]): Node[] => [
    { op: 'Reshape', inputs: [from, split], output: `${from}.split` },
    { op: 'Transpose', inputs: [`${from}.split`], output: `${from}.head`, attributes: { perm } },
  ]
  const numbers = { root2: Math.SQRT2, one: 1, half: 0.5 }
  for (const [name, value] of Object.entries(numbers)) constant(name, [], [value])
  const gelu = (from: string, to: string): Node[] => [
    { op: 'Div', inputs: [from, 'root2'], output: `${to}.scaled` },
    { op: 'Erf', inputs: [`${to}.scaled`], output: `${to}.erf` },
    { op: 'Add', inputs: [`${to}.erf`, 'one'], output: `${to}.plus` },
    { op: 'Mul', inputs: [from, `${to}.plus`], output: `${to}.times` },
    { op: 'Mul', inputs: [`${to}.times`, 'half'], output: to },
  ]
  const nodes: Node[] = [
    norm(INPUT, 'n1'),
    ...['q', 'k', 'v'].flatMap(name => layer('n1', name, d, d)),
    ...head('q', [0, 2, 1, 3]),
    ...head('k', [0, 2, 3, 1]),
    ...head('v', [0, 2, 1, 3]),
    { op: 'MatMul', inputs: ['q.head', 'k.head'], output: 'scores' },
    { op: 'Div', inputs: ['scores', root], output: 'scaled' },
    { op: 'Softmax', inputs: ['scaled'], output: 'shares', attributes: { axis: -1 } },
    { op: 'MatMul', inputs: ['shares', 'v.head'], output: 'mixed' },
    { op: 'Transpose', inputs: ['mixed'], output: 'turned', attributes: { perm: [0, 2, 1, 3] } },
    { op: 'Reshape', inputs: ['turned', joined], output: 'heads' },
    ...layer('heads', 'o', d, d),
    { op: 'Add', inputs: ['o', INPUT], output: 'r1' },
    norm('r1', 'n2'),
    ...layer('n2', 'f1', d, hidden),
    ...gelu('f1', 'f2'),
    ...layer('f2', 'f3', hidden, d),
    { op: 'Add', inputs: ['f3', 'r1'], output: OUTPUT },
  ]
  const dims = [-1, T, d]
  return encodeOnnx({
    name: 'transformer',
    input: { dtype: 'float32', dims },
    output: { dtype: 'float32', dims },
    nodes,
    weights,
  })
}
