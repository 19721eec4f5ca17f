import type { Growth } from './growth.ts'
import { METHODS, type Measured, type Method } from './row.ts'
import { size, time } from './table.ts'
import { WORKLOADS, type Workload } from './workloads.ts'

/** The main figures as the table in README.md, a line each. */
export function readmeTable(rows: readonly Measured[]): string[] {
  const header = [
    ...['', 'attested answer', 'transparent proof', 'verified', 'size', 'Groth16 proof', 'its gas'],
    ...['accuracy, floats and integers', 'the article’s zkML and TEE, on its own machines'],
  ]
  const lines = WORKLOADS.filter(({ name }) => rows.some(row => row.workload === name)).map(workload => {
    const by = (method: Method): Measured =>
      rows.find(row => row.workload === workload.name && row.method === method)!
    const [plain, enclave, own, groth16] = METHODS.map(by) as [Measured, Measured, Measured, Measured]
    const share = (accuracy: number | null): string => `${(100 * accuracy!).toFixed(1)} %`
    return [
      workload.title,
      time(enclave.prove_ms),
      time(own.prove_ms),
      time(own.verify_ms),
      size(own.proof_bytes),
      time(groth16.prove_ms) || 'none',
      groth16.gas?.toLocaleString('en-US') ?? 'none',
      `${share(plain.accuracy)}, ${share(own.accuracy)}`,
      articleOf(workload),
    ]
  })
  return [header, header.map(() => '---'), ...lines].map(cells => `| ${cells.join(' | ')} |`)
}

function articleOf({ article }: Workload): string {
  if (!article) return 'none'
  const proofs = article.proof_ms.map(({ system, ms }) => `${system} ${time(ms)}`)
  return [...proofs, `TEE ${article.tee_ms} ms`].join(', ')
}

/** What README.md says beside it. */
export function readmeSentences(rows: readonly Measured[], growth: readonly Growth[]): string[] {
  const own = rows.find(row => row.workload === 'lenet5' && row.method === 'transparent')!
  const groth16 = rows.find(row => row.workload === 'lenet5' && row.method === 'groth16')!
  const [least, most] = [growth[0]!, growth.at(-1)!]
  const whole = (value: number): string => value.toLocaleString('en-US')
  return [
    `the first proof of LeNet-5 in a process takes ${time(own.cold_ms)}, and ${own.rss_mb!.toFixed(0)} MB are in memory`,
    `Groth16 takes ${whole(Math.round(groth16.rss_mb!))} MB for its ${whole(groth16.constraints!)} constraints, whose development setup takes ${time(groth16.setup_ms)}`,
    `From ${whole(least.parameters)} to ${whole(most.parameters)} parameters proofs take from ${time(least.prove_ms)} to ${time(most.prove_ms)}, and have from ${size(least.proof_bytes)} to ${size(most.proof_bytes)}`,
  ]
}
