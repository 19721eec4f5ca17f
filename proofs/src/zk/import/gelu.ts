import type { OnnxModel, OnnxNode } from './onnx.ts'

/** How near a constant has to be: exporters write float32. */
const NEAR = 1e-5

/**
 * The same model with one Gelu for x · (1 + erf(x / √2)) · 0.5, which exporters write in five nodes before opset 20:
 * Div, Erf, Add, Mul, Mul.
 */
export function joinGelu(model: OnnxModel): OnnxModel {
  const joined = new Map<OnnxNode, OnnxNode>()
  const left = new Set<OnnxNode>()
  for (const erf of model.nodes.filter(node => node.op === 'Erf')) {
    const found = findGelu(model, erf)
    if (!found) continue
    const { input, steps, last } = found
    joined.set(last, {
      name: last.name,
      op: 'Gelu',
      inputs: [input],
      outputs: last.outputs,
      attributes: new Map(),
    })
    for (const node of steps) left.add(node)
  }
  const nodes = model.nodes.filter(node => !left.has(node)).map(node => joined.get(node) ?? node)
  return { ...model, nodes }
}

function findGelu(
  model: OnnxModel,
  erf: OnnxNode,
): { input: string; steps: OnnxNode[]; last: OnnxNode } | undefined {
  const scaled = model.nodes.find(node => node.outputs[0] === erf.inputs[0])
  const root = scaled && factorOf(model, scaled)
  if (!scaled || root === undefined || Math.abs(root - Math.SQRT1_2) > NEAR) return undefined
  const input = scaled.inputs.find(name => !model.constants.has(name))!
  const plus = onlyUse(model, erf)
  const one = plus?.op === 'Add' && constantOf(model, plus)
  if (!plus || one === false || one === undefined || Math.abs(one - 1) > NEAR) return undefined
  const times = onlyUse(model, plus)
  if (times?.op !== 'Mul' || !times.inputs.includes(input)) return undefined
  const half = onlyUse(model, times)
  const factor = half && factorOf(model, half)
  if (!half || factor === undefined || Math.abs(factor - 0.5) > NEAR) return undefined
  return { input, steps: [scaled, erf, plus, times], last: half }
}

/** The only node that takes what a node makes. */
function onlyUse({ nodes, outputs }: OnnxModel, { outputs: [name] }: OnnxNode): OnnxNode | undefined {
  const uses = nodes.filter(node => node.inputs.includes(name!))
  return uses.length === 1 && !outputs.includes(name!) ? uses[0] : undefined
}

function constantOf({ constants }: OnnxModel, { inputs }: OnnxNode): number | undefined {
  const values = inputs.flatMap(name => [...(constants.get(name)?.values ?? [])])
  return values.length === 1 ? values[0] : undefined
}

/** What a node multiplies its input by. */
function factorOf(model: OnnxModel, node: OnnxNode): number | undefined {
  const constant = constantOf(model, node)
  if (constant === undefined) return undefined
  if (node.op === 'Mul') return constant
  return node.op === 'Div' && !model.constants.has(node.inputs[0]!) ? 1 / constant : undefined
}
