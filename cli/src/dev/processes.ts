import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A child as the kernel knows it: a pid alone may have been given to another process since. */
type Recorded = { name: string; pid: number; startedAt: string }

const GRACE_MS = 5_000

/** Notes a child in the state folder, so that the next start finds it if we are killed. */
export function recordProcess(file: string, name: string, pid: number): void {
  const startedAt = startTimeOf(pid)
  if (startedAt === undefined) return
  writeFileSync(file, JSON.stringify([...read(file), { name, pid, startedAt }]), { mode: 0o600 })
}

/** Stops children that outlived a killed run; returns their names. Processes that are not ours are left alone. */
export async function endOrphans(file: string): Promise<string[]> {
  const orphans = read(file).filter(isAlive).reverse()
  for (const orphan of orphans) await end(orphan)
  rmSync(file, { force: true })
  return orphans.map(orphan => `${orphan.name} (${orphan.pid})`)
}

/** Forgets the children after a clean stop. */
export function forgetProcesses(file: string): void {
  rmSync(file, { force: true })
}

async function end(orphan: Recorded): Promise<void> {
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    if (!isAlive(orphan)) return
    send(orphan.pid, signal)
    for (const deadline = Date.now() + GRACE_MS; isAlive(orphan) && Date.now() < deadline; ) await sleep(20)
  }
}

/** It may end by itself at any time: the kernel stops children of a killed run too. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function isAlive({ pid, startedAt }: Recorded): boolean {
  return startTimeOf(pid) === startedAt
}

/** proc(5): field 22 of stat, after the name in parentheses; a zombie counts as dead. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

function read(file: string): Recorded[] {
  if (!existsSync(file)) return []
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return Array.isArray(value) ? value.filter(isRecorded) : []
  } catch {
    return []
  }
}

function isRecorded(value: unknown): value is Recorded {
  const { name, pid, startedAt } = (value ?? {}) as Record<string, unknown>
  return typeof name === 'string' && Number.isInteger(pid) && Number(pid) > 1 && typeof startedAt === 'string'
}
