import { readdirSync, readFileSync } from 'node:fs'

/** Of a process and all below it, by /proc (proc_pid_stat(5), proc_pid_status(5); schedstat of the kernel's sched-stats.rst). */
export type Usage = {
  /** Time on a processor, and time waiting for one, of all threads, in nanoseconds. */
  ran: number
  waited: number
  rssBytes: number
}

export function usageOf(pids: number[]): Usage {
  const total = { ran: 0, waited: 0, rssBytes: 0 }
  for (const pid of pids) {
    for (const task of read(() => readdirSync(`/proc/${pid}/task`)) ?? []) {
      const [ran = 0, waited = 0] = text(`/proc/${pid}/task/${task}/schedstat`).split(' ').map(Number)
      total.ran += ran
      total.waited += waited
    }
    const [, kilobytes = 0] = /^VmRSS:\s+(\d+) kB$/m.exec(text(`/proc/${pid}/status`)) ?? []
    total.rssBytes += 1024 * Number(kilobytes)
  }
  return total
}

/** Processes that this one, or one of those, has started. */
export function descendants(root: number = process.pid): number[] {
  const parents = new Map(
    readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .map(name => [Number(name), parentOf(name)]),
  )
  const found = [root]
  for (const parent of found) for (const [pid, of] of parents) if (of === parent) found.push(pid)
  return found.slice(1)
}

/** The part of the time that threads wanted to run and did: what a busy neighbour takes is missing. */
export function shareOf(before: Usage, after: Usage): number {
  const ran = after.ran - before.ran
  const waited = after.waited - before.waited
  return ran + waited === 0 ? 1 : ran / (ran + waited)
}

/** The field after the name, which is in parentheses and may hold any character. */
function parentOf(pid: string): number {
  return Number(
    text(`/proc/${pid}/stat`)
      .replace(/^.*\) /s, '')
      .split(' ')[1],
  )
}

function text(path: string): string {
  return read(() => readFileSync(path, 'utf8')) ?? ''
}

/** Processes end while they are looked at. */
function read<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
