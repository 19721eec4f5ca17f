import { argmax, type Tensor } from '@nacre/verify'
import { entryOf } from '../../models/samples.ts'
import { loadDigits, SIDE } from '../../models/train/data/digits.ts'
import { loadIris } from '../../models/train/data/iris.ts'
import { nearestClass } from '../../models/train/irisOls.ts'
import type { Workload } from './workloads.ts'

/** Raw inputs and their classes. */
export type Labelled = { inputs: Tensor; labels: number[] }

/** Samples that the model was trained on, to calibrate on, and those that it was not, to count right answers on. */
export function samplesOf({ model }: Workload): { calibration: number[][]; heldOut: Labelled } {
  if (entryOf(model).input.dims.length === 2) {
    const { training, heldOut } = loadIris()
    const data = Float32Array.from(heldOut.flatMap(({ features }) => [...features]))
    const inputs: Tensor = { dtype: 'float32', dims: [heldOut.length, 4], data }
    const calibration = training.map(({ features }) => Array.from(Float32Array.from(features)))
    return { calibration, heldOut: { inputs, labels: heldOut.map(({ label }) => label) } }
  }
  const { training, heldOut } = loadDigits()
  const data = new Uint8Array(heldOut.length * SIDE * SIDE)
  heldOut.forEach(({ pixels }, i) => {
    data.set(pixels, i * SIDE * SIDE)
  })
  const inputs: Tensor = { dtype: 'uint8', dims: [heldOut.length, 1, SIDE, SIDE], data }
  const calibration = training.slice(0, CALIBRATION).map(({ pixels }) => Array.from(pixels))
  return { calibration, heldOut: { inputs, labels: heldOut.map(({ digit }) => digit) } }
}

const CALIBRATION = 100

/** Share of rows whose class is the label's: the largest output, of a regression the nearest class number. */
export function accuracyOf(outputs: Tensor, labels: readonly number[]): number {
  const classes = outputs.dims[1] === 1 ? Array.from(outputs.data, Number).map(nearestClass) : argmax(outputs)
  return classes.filter((one, i) => one === labels[i]).length / labels.length
}
