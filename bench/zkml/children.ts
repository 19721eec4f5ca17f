import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { REPOSITORY } from '../../cli/src/paths.ts'
import { Interrupted } from '../devNetwork.ts'

/** Runs a step of child.ts in a process of its own and has its result. @throws Interrupted, Error where it fails */
export type Children = { run<Result>(step: string, name: string | number): Promise<Result>; close(): void }

const CHILD = join(REPOSITORY, 'bench', 'zkml', 'child.ts')

/** One child at a time: nothing disturbs a measurement. A signal to this process ends the child, too. */
export function openChildren(folder: string): Children {
  let isInterrupted = false
  let stop = (): void => {}
  const onSignal = (): void => {
    isInterrupted = true
    stop()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal)
  return {
    async run<Result>(step: string, name: string | number): Promise<Result> {
      if (isInterrupted) throw new Interrupted()
      const child = spawn(process.execPath, [CHILD, step, `${name}`, folder], {
        cwd: REPOSITORY,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      stop = () => child.kill('SIGTERM')
      let last = ''
      createInterface({ input: child.stdout }).on('line', line => {
        last = line
      })
      const [code] = await once(child, 'close')
      if (isInterrupted) throw new Interrupted()
      if (code !== 0) throw new Error(`${step} ${name} ended with ${code}`)
      return JSON.parse(last) as Result
    },
    close() {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal)
    },
  }
}
