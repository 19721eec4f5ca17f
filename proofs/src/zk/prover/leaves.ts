/** The fractions that lookups and tables are, docs/zk-soundness.md section 7, step 3. */
import type { Graph, Layout } from '../graph/graph.ts'
import { tableEntries } from '../graph/lookups.ts'
import type { Prover } from './channel.ts'
import type { Address } from './engine.ts'
import { fromInteger, type K, mul, ONE, sub, ZERO } from './field.ts'
import type { Level } from './fractions.ts'

/**
 * Leaves for the challenges alpha and beta. A lookup's denominator is that of the entry it finds.
 * @param entries for each lookup of the layout, the index of the entry that each element finds (u32)
 * @param d the packed vector in F
 */
export function leavesOf(
  { engine }: Prover,
  graph: Graph,
  { lookups, tables, leaves: { total, nu } }: Layout,
  entries: readonly Address[],
  d: Address,
  [alpha, beta]: readonly [K, K],
): Level {
  const { kernels } = engine
  const size = 2 ** nu
  const [p, q] = [engine.vector(size), engine.vector(size)]
  engine.scoped(() => {
    const [zero, one, minus] = [engine.put(ZERO), engine.put(ONE), engine.put(fromInteger(-1))]
    const powers = engine.put(beta, mul(beta, beta), mul(beta, mul(beta, beta)))
    for (const [t, { id, offset, size, multiplicities }] of tables.entries()) {
      engine.scoped(() => {
        const parts = tableEntries(graph, id).parts
        const addresses = [0, 1, 2].map(i => putRaw(parts[i] ?? new Int32Array(size)))
        const start = engine.put(sub(alpha, fromInteger(t + 1)))
        kernels.fingerprints(
          q + 16 * offset,
          addresses[0]!,
          addresses[1]!,
          addresses[2]!,
          size,
          start,
          powers,
        )
        const lifted = engine.vector(size)
        kernels.liftAll(lifted, d + 4 * multiplicities.offset, size)
        kernels.fill(p + 16 * offset, size, zero)
        kernels.addScaled(p + 16 * offset, lifted, size, minus)
      })
    }
    for (const [i, { table, offset, size }] of lookups.entries()) {
      kernels.fill(p + 16 * offset, size, one)
      kernels.gather(q + 16 * offset, q + 16 * tables[table]!.offset, entries[i]!, size)
    }
    kernels.fill(p + 16 * total, size - total, zero)
    kernels.fill(q + 16 * total, size - total, one)
  })
  return { p, q, bits: nu }

  function putRaw(values: Int32Array): Address {
    const at = engine.alloc(4 * values.length)
    engine.integers(at, values.length).set(values)
    return at
  }
}
