/** A process that measures one method for one workload: `node bench/zkml/child.ts STEP WORKLOAD FOLDER`; its last line is JSON. */
import { workloadOf } from './workloads.ts'

// A signal ends it, and what it started with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const [step, name, folder] = process.argv.slice(2) as [string, string, string]
console.log(JSON.stringify(await result()))
// snarkjs leaves workers behind.
process.exit(0)

/** Each method is loaded in its own process alone: what the others need is not in its memory. */
async function result(): Promise<object> {
  switch (step) {
    case 'compile':
      return (await import('./compile.ts')).compileWorkload(workloadOf(name), folder)
    case 'plain':
      return (await import('./methods/plain.ts')).measurePlain(workloadOf(name), folder)
    case 'enclave':
      return (await import('./methods/enclave.ts')).measureEnclave(workloadOf(name))
    case 'transparent':
      return (await import('./methods/transparent.ts')).measureTransparent(workloadOf(name), folder)
    case 'groth16':
      return (await import('./methods/groth16.ts')).measureGroth16(workloadOf(name), folder)
    case 'groth16-setup':
      return (await import('./methods/groth16.ts')).setupGroth16(workloadOf(name), folder)
    case 'growth':
      return (await import('./growth.ts')).measureGrowth(Number(name))
    case 'growth-groth16':
      return (await import('./growthGroth16.ts')).measureGrowthGroth16(Number(name))
    default:
      throw new RangeError(`there is no step ${step}`)
  }
}
