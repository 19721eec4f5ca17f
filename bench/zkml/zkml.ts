/** The article's benchmark: teeML beside zkML, on this machine in this run. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureImage } from '../../cli/src/dev/image.ts'
import { type Children, openChildren } from './children.ts'
import type { Compiled } from './compile.ts'
import type { Growth } from './growth.ts'
import type { Setup } from './methods/groth16.ts'
import { type Figures, METHODS, type Measured, type Method, NOTHING } from './row.ts'
import { missed, TARGETS } from './targets.ts'
import { GROTH16_WIDTHS, WIDTHS, WORKLOADS, type Workload } from './workloads.ts'

export type ZkmlResult = {
  rows: Measured[]
  growth: Growth[]
  targets: typeof TARGETS
  missed: string[]
  models: Record<string, Compiled>
}

export type ZkmlOptions = { small: boolean }

/**
 * Each workload by each method, one after the other, each in a process of its own; then the transparent prover on perceptrons of growing
 * size. `small` is the two Iris models and the smallest perceptrons, to try it.
 * @throws Interrupted
 */
export async function benchZkml({ small }: ZkmlOptions, say: (text: string) => void): Promise<ZkmlResult> {
  const folder = mkdtempSync(join(tmpdir(), 'nacre-bench-zkml-'))
  const children = openChildren(folder)
  try {
    say('building the enclave’s image, unless it is there')
    await ensureImage()
    const rows: Measured[] = []
    const models: Record<string, Compiled> = {}
    for (const workload of small ? WORKLOADS.slice(0, 2) : WORKLOADS)
      rows.push(...(await benchWorkload(workload, children, models, say)))
    const growth = await benchGrowth(small ? WIDTHS.slice(0, 2) : WIDTHS, children, say)
    return { rows, growth, targets: TARGETS, missed: missed(rows), models }
  } finally {
    children.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function benchWorkload(
  workload: Workload,
  children: Children,
  models: Record<string, Compiled>,
  say: (text: string) => void,
): Promise<Measured[]> {
  const { name } = workload
  say(`${name}: compiling`)
  const compiled = await children.run<Compiled>('compile', name)
  models[name] = compiled
  const rows: Measured[] = []
  for (const method of METHODS) {
    say(`${name}: ${method}`)
    const setup = method === 'groth16' ? await children.run<Setup>('groth16-setup', name) : {}
    const figures = 'note' in setup ? NOTHING : await children.run<Figures>(method, name)
    rows.push({
      workload: name,
      method,
      accuracy: accuracyBy(method, compiled, figures),
      ...figures,
      ...setup,
    })
  }
  return rows
}

async function benchGrowth(
  widths: readonly number[],
  children: Children,
  say: (text: string) => void,
): Promise<Growth[]> {
  const growth: Growth[] = []
  for (const width of widths) {
    say(`growth: 784-${width}-${width / 4}-10`)
    const own = await children.run<Growth>('growth', width)
    const isFeasible = GROTH16_WIDTHS.includes(width)
    growth.push({ ...own, ...(isFeasible && (await children.run<object>('growth-groth16', width))) })
  }
  return growth
}

/** Floats are answered by the engine, inside of the enclave and outside; integers are what is proven. */
function accuracyBy(method: Method, { float, integers }: Compiled, { prove_ms }: Figures): number | null {
  if (prove_ms === null) return null
  return method === 'plain' || method === 'enclave' ? float : integers
}
