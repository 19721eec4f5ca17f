import { table } from '../../cli/src/table.ts'
import type { Measured } from './row.ts'
import { workloadOf } from './workloads.ts'

/** Lines of the one table: what was measured here, and the article's figures, which are of its own machines. */
export function zkmlTable(rows: readonly Measured[]): string[] {
  const header = [
    ...['workload', 'method', 'prove', 'first', 'verify', 'proof', 'memory', 'gas', 'accuracy'],
    ...['article, zkML *', 'article, TEE *'],
  ]
  const cells = rows.map(row => {
    const { article, title } = workloadOf(row.workload)
    const zk = article?.proof_ms.map(({ system, ms }) => `${system} ${time(ms)}`).join(', ')
    const isProof = row.method === 'transparent' || row.method === 'groth16'
    return [
      ...[title, row.method, time(row.prove_ms), time(row.cold_ms), time(row.verify_ms)],
      ...[size(row.proof_bytes), row.rss_mb === null ? '' : `${row.rss_mb.toFixed(0)} MB`],
      ...[row.gas === null ? '' : row.gas.toLocaleString('en-US')],
      row.accuracy === null ? '' : `${(100 * row.accuracy).toFixed(1)} %`,
      ...[isProof ? (zk ?? '') : '', row.method === 'enclave' ? time(article?.tee_ms) : ''],
    ]
  })
  return table(header, cells)
}

/** What the table does not say by itself. */
export function zkmlNotes(rows: readonly Measured[]): string[] {
  const setups = rows.flatMap(({ workload, method, setup_ms, constraints }) =>
    method === 'groth16' && setup_ms !== undefined
      ? [
          `${workloadOf(workload).title} ${time(setup_ms)} for ${constraints?.toLocaleString('en-US')} constraints`,
        ]
      : [],
  )
  const absent = rows.flatMap(({ workload, method, prove_ms, note }) =>
    prove_ms === null && note ? [`${workloadOf(workload).title}, ${method}: ${note}`] : [],
  )
  return [
    'Times are medians of warm runs; first: the first run. prove: until the answer is there with what verifies it (plain: the answer alone),',
    'the witness included; weights are committed to, keys made and enclaves started before. Each method ran in a process of its own.',
    'enclave: SIMULATED, fresh evidence for every answer, the receipt verified by the client; its proof is the whole bundle.',
    'transparent: committed weights, no trusted setup. groth16: keys of a DEVELOPMENT setup: whoever made them can forge.',
    'None of the proofs is zero-knowledge here: they show integrity. accuracy: of the integers that are proven, on held-out samples;',
    'plain and enclave: of the float model. gas: a transaction that checks a proof; of a receipt, checking alone, of contracts/snapshots.',
    ...(setups.length > 0 ? [`groth16, setup: ${setups.join('; ')}.`] : []),
    ...absent,
    '* the article’s own figures, on its own machines, of models of the same kind. It does not say in which order its LeNet-5 has',
    'pooling and ReLU; ours is the textbook’s, ReLU before pooling, which costs more.',
  ]
}

export function time(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return ''
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 2 : 1)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}

export function size(bytes: number | null): string {
  if (bytes === null) return ''
  return bytes < 10_000 ? `${(bytes / 1000).toFixed(2)} kB` : `${(bytes / 1000).toFixed(0)} kB`
}
