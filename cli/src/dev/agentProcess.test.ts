import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import type { CliError } from '../errors.ts'
import { type AgentProcess, createAgentProcess, type Launched, type Ready } from './agentProcess.ts'

const READY: Ready = { url: 'http://127.0.0.1:1', receiptKey: '0x', sandboxed: true }
const FOREVER = 'setInterval(() => {}, 1000)'

let agent: AgentProcess
let pids: number[]
let said: string[]

afterEach(() => agent.stop())

test('a process that dies is started again, and says so', async () => {
  const back = Promise.withResolvers<Ready>()
  create(FOREVER, { onBack: back.resolve })
  await agent.start()
  process.kill(pids[0]!, 'SIGKILL')
  expect(await back.promise).toEqual(READY)
  expect(pids).toHaveLength(2)
  expect(said).toEqual(['operator 9 died; it is started again in 0.01 s'])
})

test('one that is killed on purpose stays dead until it is started', async () => {
  create(FOREVER)
  await agent.start()
  await agent.freeze()
  await agent.kill()
  expect(isAlive(pids[0]!)).toBe(false)
  await agent.start()
  expect(pids).toHaveLength(2)
  expect(said).toEqual([])
})

test('one that stands still can be stopped, and is not started after that', async () => {
  create(FOREVER)
  await agent.start()
  await agent.freeze()
  await agent.stop()
  expect(isAlive(pids[0]!)).toBe(false)
  await expect(agent.start()).rejects.toThrow('stopped')
  expect(pids).toHaveLength(1)
})

test('one that dies again and again is given up, with its log named', async () => {
  const given = Promise.withResolvers<CliError>()
  create('', { onGivenUp: given.resolve })
  await agent.start()
  const error = await given.promise
  expect(error).toMatchObject({ code: 'child-failed', fix: expect.stringContaining('logs/operator-9.log') })
  expect(said).toHaveLength(pids.length - 1)
})

/** A program that is ready as soon as it runs. */
function create(program: string, changes: Partial<Parameters<typeof createAgentProcess>[0]> = {}): void {
  pids = []
  said = []
  agent = createAgentProcess({
    name: 'operator 9',
    launch: () => launch(program),
    say: text => said.push(text),
    onBack: () => {},
    onGivenUp: () => {},
    pauseMs: 10,
    ...changes,
  })
}

function launch(program: string): Launched {
  const child = spawn(process.execPath, ['-e', program], { stdio: 'ignore' })
  pids.push(child.pid!)
  const exited = once(child, 'exit')
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await exited
  }
  return { pid: child.pid!, exited, ready: once(child, 'spawn').then(() => READY), stop }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
