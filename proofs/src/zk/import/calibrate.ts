import { runNetwork } from './float.ts'
import type { Network } from './network.ts'

/** What a tensor's values are over the samples. */
export type Statistics = {
  /** The magnitude that 99.99 % of the values do not exceed. */
  percentile: number
  largest: number
  smallest: number
  /** The largest whole number of decimals that any value has, up to 3; more are 4. */
  decimals: number
}

const SHARE = 0.9999
const MAX_DECIMALS = 4

/** Statistics of every tensor, the raw input's at 0, and each sample's outputs. */
export function calibrate(
  network: Network,
  samples: readonly ArrayLike<number>[],
): { statistics: Statistics[]; outputs: Float64Array[] } {
  const seen: Float64Array[][] = [[], ...network.nodes.map(() => [])]
  const outputs = samples.map(sample => {
    const tensors = runNetwork(network, sample)
    tensors.forEach((values, i) => {
      seen[i]!.push(i === 0 ? Float64Array.from(sample) : values)
    })
    return tensors[network.output]!
  })
  return { statistics: seen.map(statisticsOf), outputs }
}

function statisticsOf(lists: readonly Float64Array[]): Statistics {
  const all = new Float64Array(lists.reduce((length, list) => length + list.length, 0))
  let offset = 0
  for (const list of lists) {
    all.set(list, offset)
    offset += list.length
  }
  const magnitudes = all.map(Math.abs).sort()
  return {
    percentile: magnitudes[Math.max(0, Math.ceil(SHARE * magnitudes.length) - 1)] ?? 0,
    largest: all.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
    smallest: all.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    decimals: all.reduce((most, value) => Math.max(most, decimalsOf(value)), 0),
  }
}

/** float32 has about seven digits: 5.1 is 5.099999904632568. */
function decimalsOf(value: number): number {
  for (let decimals = 0; decimals < MAX_DECIMALS; decimals++) {
    const scaled = value * 10 ** decimals
    if (Math.abs(scaled - Math.round(scaled)) <= 1e-6 * Math.max(1, Math.abs(scaled))) return decimals
  }
  return MAX_DECIMALS
}
