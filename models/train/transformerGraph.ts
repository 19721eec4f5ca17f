import { SIDE } from './data/digits.ts'
import type { Parameter } from './layers/layer.ts'
import { type Graph, INPUT, type Node, OUTPUT, type Weight } from './onnx.ts'

export type TransformerShape = { tokens: number; width: number; heads: number; hidden: number }

/** The graph of `createDigitsTransformer`, as exporters write a transformer block in opset 17. */
export function transformerGraph(
  name: string,
  parameters: readonly Parameter[],
  { tokens, width, heads }: TransformerShape,
): Graph {
  const side = width / heads
  const shapes: Weight[] = [
    shape('rows', [0, tokens, SIDE]),
    shape('split', [0, tokens, heads, side]),
    shape('joined', [0, tokens, width]),
  ]
  const numbers: Weight[] = [
    { name: 'white', dims: [], values: [255] },
    { name: 'root', dims: [], values: [Math.sqrt(side)] },
    ...gelu.numbers,
  ]
  return {
    name,
    input: { dtype: 'uint8', dims: [-1, 1, SIDE, SIDE] },
    output: { dtype: 'float32', dims: [-1, 10] },
    nodes: [
      { op: 'Cast', inputs: [INPUT], output: 'grey', attributes: { to: 1 } },
      { op: 'Div', inputs: ['grey', 'white'], output: 'scaled' },
      { op: 'Reshape', inputs: ['scaled', 'rows'], output: 'tokens' },
      ...dense('embed', 'tokens'),
      norm('norm1', 'embed'),
      ...attention('norm1'),
      { op: 'Add', inputs: ['attention.output', 'embed'], output: 'attended' },
      norm('norm2', 'attended'),
      ...dense('hidden', 'norm2'),
      ...gelu.nodes('hidden', 'active'),
      ...dense('back', 'active'),
      { op: 'Add', inputs: ['back', 'attended'], output: 'block' },
      { op: 'Flatten', inputs: ['block'], output: 'flat', attributes: { axis: 1 } },
      ...dense('head', 'flat', OUTPUT),
    ],
    weights: [...shapes, ...numbers, ...parameters.map(forMatMul)],
  }
}

function shape(name: string, dims: readonly number[]): Weight {
  return { name, dims: [dims.length], values: dims, dtype: 'int64' }
}

function norm(name: string, from: string): Node {
  const inputs = [from, `${name}.gain`, `${name}.offset`]
  return { op: 'LayerNormalization', inputs, output: name, attributes: { axis: -1 } }
}

function dense(name: string, from: string, output: string = name): Node[] {
  return [
    { op: 'MatMul', inputs: [from, `${name}.weight`], output: `${name}.product` },
    { op: 'Add', inputs: [`${name}.product`, `${name}.bias`], output },
  ]
}

function attention(from: string): Node[] {
  const heads = (part: string, perm: number[]): Node[] => [
    ...dense(`attention.${part}`, from),
    { op: 'Reshape', inputs: [`attention.${part}`, 'split'], output: `${part}.split` },
    { op: 'Transpose', inputs: [`${part}.split`], output: part, attributes: { perm } },
  ]
  return [
    ...heads('query', [0, 2, 1, 3]),
    ...heads('key', [0, 2, 3, 1]),
    ...heads('value', [0, 2, 1, 3]),
    { op: 'MatMul', inputs: ['query', 'key'], output: 'products' },
    { op: 'Div', inputs: ['products', 'root'], output: 'scores' },
    { op: 'Softmax', inputs: ['scores'], output: 'shares', attributes: { axis: -1 } },
    { op: 'MatMul', inputs: ['shares', 'value'], output: 'mixed' },
    { op: 'Transpose', inputs: ['mixed'], output: 'turned', attributes: { perm: [0, 2, 1, 3] } },
    { op: 'Reshape', inputs: ['turned', 'joined'], output: 'heads' },
    ...dense('attention.output', 'heads'),
  ]
}

/** x (1 + erf(x / √2)) / 2 in five nodes, as opset 17 has no Gelu. */
const gelu = {
  numbers: [
    { name: 'root2', dims: [], values: [Math.SQRT2] },
    { name: 'one', dims: [], values: [1] },
    { name: 'half', dims: [], values: [0.5] },
  ],
  nodes: (from: string, output: string): Node[] => [
    { op: 'Div', inputs: [from, 'root2'], output: `${output}.scaled` },
    { op: 'Erf', inputs: [`${output}.scaled`], output: `${output}.erf` },
    { op: 'Add', inputs: [`${output}.erf`, 'one'], output: `${output}.plus` },
    { op: 'Mul', inputs: [from, `${output}.plus`], output: `${output}.times` },
    { op: 'Mul', inputs: [`${output}.times`, 'half'], output },
  ],
}

/** MatMul has its second matrix as [inputs, outputs]. */
function forMatMul({ name, dims, value }: Parameter): Weight {
  const [outputs, inputs] = dims
  if (outputs === undefined || inputs === undefined) return { name, dims, values: value }
  return { name, dims: [inputs, outputs], values: transposed(value, outputs, inputs) }
}

/** The constants of a graph as `parameters` have them. */
export function fromMatMul(
  parameters: readonly Parameter[],
  weights: ReadonlyMap<string, Float32Array>,
): Map<string, Float32Array> {
  const found = parameters.map(({ name, dims: [outputs, inputs] }): [string, Float32Array] => {
    const values = weights.get(name) ?? new Float32Array()
    return [name, inputs === undefined ? values : Float32Array.from(transposed(values, inputs, outputs!))]
  })
  return new Map(found)
}

function transposed(values: ArrayLike<number>, rows: number, columns: number): Float64Array {
  return Float64Array.from(
    { length: values.length },
    (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!,
  )
}
