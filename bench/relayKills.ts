import { setTimeout as sleep } from 'node:timers/promises'
import { recordedPid, sendSignal } from '../cli/src/dev/processes.ts'
import { statePaths } from '../cli/src/paths.ts'
import type { Kill } from './relayPlan.ts'

/** Kills operators when their moments come; nacre dev starts them again. */
export type Killer = {
  /** Call it with how many requests have ended. */
  look(ended: number): void
  killed(): number
  /** Waits for the kills that are due. */
  close(): Promise<void>
}

export function createKiller(state: string, plan: Kill[], say: (text: string) => void): Killer {
  const { processes } = statePaths(state)
  const left = [...plan]
  const due: Promise<void>[] = []
  let killed = 0

  async function kill({ operator, afterMs }: Kill): Promise<void> {
    await sleep(afterMs)
    const pid = recordedPid(processes, `operator ${operator}`)
    if (pid === undefined) return say(`operator ${operator} is dead already`)
    sendSignal(pid, 'SIGKILL')
    killed++
    say(`operator ${operator} killed (SIGKILL)`)
  }

  return {
    look: ended => {
      while (left[0] && left[0].ended <= ended) due.push(kill(left.shift()!))
    },
    killed: () => killed,
    close: async () => void (await Promise.all(due)),
  }
}
