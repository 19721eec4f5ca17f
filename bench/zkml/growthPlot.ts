import type { Growth } from './growth.ts'
import { plotsSvg } from './plot.ts'

/** Time and size against the model's size. */
export function growthSvg(growth: readonly Growth[]): string {
  const points = (value: (one: Growth) => number) =>
    growth.map((one): [number, number] => [one.parameters, value(one)])
  const x = 'parameters'
  return plotsSvg([
    {
      ...{ title: 'Time against the model’s size', x, y: 'milliseconds' },
      series: [
        { name: 'prove', colour: '#2f81f7', points: points(one => one.prove_ms) },
        {
          ...{ name: 'Groth16 (snarkjs)', colour: '#bc4c00' },
          points: growth.flatMap(one =>
            one.groth16_ms === undefined ? [] : [[one.parameters, one.groth16_ms] as const],
          ),
        },
        { name: 'verify', colour: '#2da44e', points: points(one => one.verify_ms) },
      ],
    },
    {
      ...{ title: 'Proof against the model’s size', x, y: 'kilobytes' },
      series: [{ name: 'proof', colour: '#2f81f7', points: points(one => one.proof_bytes / 1000) }],
    },
  ])
}
