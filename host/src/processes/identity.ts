import { readdirSync, readFileSync } from 'node:fs'

/** pid and start time: a pid alone may have been given to another process since. Empty start time: no such process. */
export function describeProcess(pid: number): string {
  return `${pid} ${statOf(pid)[19] ?? ''}`
}

/** Whether the process that `describeProcess` described still runs. */
export function isAlive(description: string): boolean {
  const pid = Number(description.split(' ')[0])
  return Number.isInteger(pid) && isRunning(pid) && describeProcess(pid) === description
}

/** Whether this process runs; one that ended and was not yet reaped by its parent does not. */
export function isRunning(pid: number): boolean {
  const state = statOf(pid)[0]
  return state !== undefined && state !== 'Z'
}

/** Descriptions of the processes that were started with this in their environment, and of what they started. */
export function processesWith(variable: string): string[] {
  const pids = readdirSync('/proc').filter(name => /^[0-9]+$/.test(name))
  return pids.filter(pid => environmentOf(pid).includes(variable)).map(pid => describeProcess(Number(pid)))
}

/** Empty of a process that has ended, or is another user's. */
function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    return []
  }
}

/** Fields of proc(5) stat from the state on; empty when there is no such process. */
function statOf(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}
