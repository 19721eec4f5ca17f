import { type ChildProcess, fork } from 'node:child_process'
import { ENGINE_ARGUMENT } from '../engineProcess.ts'
import { EngineError } from '../inference/languageEngine.ts'
import type { Call, LlamaLimits, Reply } from './protocol.ts'
import { checkReply } from './reply.ts'

/** The engine's process, while it lives. */
export type Child = {
  /**
   * Sends a call; `take` gets its replies and says with `true` which one is the last. After an end of the process
   * `fail` gets why. Within `limitMs` of the last message, of whatever call, something must come.
   */
  ask(call: Call, take: (reply: Reply) => boolean, fail: (error: EngineError) => void, limitMs: number): void
  /** Stops listening to a call, and has it stopped. */
  abort(id: number): void
  alive(): boolean
  kill(reason: string): void
}

type Waiting = { take(reply: Reply): boolean; fail(error: EngineError): void; limitMs: number }

/** Starts the process: this program with the argument `engine`, without any variable of the environment. */
export function startChild(program: string, limits: LlamaLimits): Child {
  const child = fork(program, [ENGINE_ARGUMENT, JSON.stringify(limits)], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {},
    execArgv: [],
  })
  const calls = new Map<number, Waiting>()
  let timer: NodeJS.Timeout | undefined
  let alive = true

  const stop = (reason: string) => {
    if (!alive) return
    alive = false
    clearTimeout(timer)
    child.kill('SIGKILL')
    if (child.connected) child.disconnect()
    process.off('exit', onExit)
    const failed = [...calls.values()]
    calls.clear()
    for (const { fail } of failed) fail(new EngineError('engine-failed', `the engine ${reason}`))
  }
  const onExit = () => child.kill('SIGKILL')
  process.once('exit', onExit)
  const watch = () => {
    clearTimeout(timer)
    if (!calls.size || !alive) return
    const limitMs = Math.max(...[...calls.values()].map(call => call.limitMs))
    timer = setTimeout(() => stop(`took longer than ${limitMs} ms for one step`), limitMs)
  }
  child.on('error', error => stop(`did not start: ${error.message}`))
  child.on('exit', (code, signal) => stop(`ended (${signal ?? code})`))
  child.on('message', message => {
    if (!alive) return
    const reply = checkReply(message)
    if (!reply) return stop('answered what is no answer')
    if (reply.type !== 'beat' && calls.get(reply.id)?.take(reply)) calls.delete(reply.id)
    watch()
  })
  unreference(child)
  return {
    ask(call, take, fail, limitMs) {
      calls.set(call.id, { take, fail, limitMs })
      if (calls.size === 1) watch()
      child.send(call, error => error && stop('is gone'))
    },
    abort(id) {
      if (!calls.delete(id) || !alive) return
      child.send({ id, call: 'abort' } satisfies Call, error => error && stop('is gone'))
      watch()
    },
    alive: () => alive,
    kill: stop,
  }
}

/** It keeps no program from ending. */
function unreference(child: ChildProcess): void {
  child.unref()
  child.channel?.unref()
}
