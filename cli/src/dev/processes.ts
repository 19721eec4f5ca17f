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

/** The newest process of this name that was noted, if it still runs. */
export function recordedPid(file: string, name: string): number | undefined {
  return read(file).findLast(one => one.name === name && isAlive(one))?.pid
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
    sendSignal(orphan.pid, signal)
    for (const deadline = Date.now() + GRACE_MS; isAlive(orphan) && Date.now() < deadline; ) await sleep(20)
  }
}

/** It may end by itself at any time: the kernel stops children of a killed run too. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function isAlive({ pid, startedAt }: Recorded): boolean {
  return startTimeOf(pid) === startedAt
}

/** Whether it stands still after a SIGSTOP. */
export function isStopped(pid: number): boolean {
  return statOf(pid)[0] === 'T'
}

/** Field 22 of stat; a zombie counts as dead. */
function startTimeOf(pid: number): string | undefined {
  const fields = statOf(pid)
  return fields[0] === 'Z' ? undefined : fields[19]
}

/** proc(5): the fields of stat after the name in parentheses; none when there is no such process. */
function statOf(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
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
