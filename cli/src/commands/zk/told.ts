import { type Output, plain, yellow } from '../../output.ts'

/** One tensor as it is told: a row an input of the batch. */
export type Told = { integers: number[][]; values?: number[][] }

/** Integers, and the real numbers that the container's scales say they stand for; a verifying key has no scales. */
export function toldOf(
  tensor: number,
  values: Int32Array,
  batch: number,
  scales: Float64Array | undefined,
): Told {
  const width = Math.max(1, values.length / batch)
  const rows = Array.from({ length: batch }, (_, i) => [...values.subarray(i * width, (i + 1) * width)])
  if (!scales) return { integers: rows }
  const scale = scales[tensor]!
  return { integers: rows, values: rows.map(row => row.map(value => rounded(value * scale))) }
}

/** Scales have more digits than what they stand for. */
const rounded = (value: number): number => Number(value.toPrecision(6))

const MOST_ROWS = 10
const MOST_VALUES = 10

/** The first rows and values of each. */
export function printTold(output: Output, name: string, { integers, values = integers }: Told): void {
  for (const [i, row] of values.slice(0, MOST_ROWS).entries()) {
    const more = row.length > MOST_VALUES ? `, … ${row.length} values` : ''
    const which = values.length > 1 ? `${name} ${i}` : name
    output.line(`${which.padEnd(12)} ${row.slice(0, MOST_VALUES).join(', ')}${more}`)
  }
  if (values.length > MOST_ROWS) output.line(`${''.padEnd(12)} … ${values.length} rows`)
}

/** Nobody may take such a proof for one that hides what it is about. */
export function warnNotHiding(output: Output): void {
  for (const text of [
    'NOT zero-knowledge: the file of a proof has its inputs and outputs in the clear, and the proof',
    'reveals parts of activations and weights. It shows integrity, it hides nothing.',
  ])
    output.line(yellow(text))
}

/** Of a verifying key: nobody looked at weights. */
export function warnNoWeights(output: Output): void {
  output.line(
    yellow(
      'A verifying key has no weights: that its commitment is of the model’s is the word of whoever made it.',
    ),
  )
}

/** A step, on standard error, for whoever waits. */
export function say(text: string): void {
  process.stderr.write(`${plain(text)}\n`)
}

export const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`
export const millis = (from: number): number => Math.round(10 * (performance.now() - from)) / 10
