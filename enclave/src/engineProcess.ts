import { type ChildProcess, fork } from 'node:child_process'
import { type Hex, messageOf } from '@nacre/verify'
import type { EngineKind, ModelTypes, Session } from './artifactTypes.ts'
import { ChannelError } from './errors.ts'
import { LOAD_LIMIT_MS, RUN_LIMIT_MS } from './limits.ts'
import { Refusal } from './refusal.ts'

/** What the enclave asks of the engine's process, one at a time, and what comes back. */
type Call = { call: 'load' | 'run'; artifact: Hex; bytes: Uint8Array }
type Reply =
  | { types: ModelTypes }
  | { output: Uint8Array }
  | { refused: string }
  | { unsupported: string }
  | { failed: string }

/** The engine ran and failed: an answer with a status, not an error of the channel. */
export class EngineFailure extends Error {}

export type EngineProcess = {
  /** @throws ChannelError unsupported-model, engine-stopped */
  load(artifact: Hex, bytes: Uint8Array): Promise<ModelTypes>
  /** @throws Refusal, EngineFailure, ChannelError engine-stopped */
  run(artifact: Hex, input: Uint8Array): Promise<Uint8Array>
}

/** The first argument of the program that makes it the engine's process. */
export const ENGINE_ARGUMENT = 'engine'

/**
 * The engine as a child of this process, started at the first call. A call that takes longer than its limit, or a
 * model that crashes the engine, ends the child and fails that call; the next call starts another one and gives it
 * the models of `loaded`.
 */
export function createEngineProcess(
  program: string,
  loaded: () => Iterable<{ artifact: Hex; bytes: Uint8Array }>,
  limits = { load: LOAD_LIMIT_MS, run: RUN_LIMIT_MS },
): EngineProcess {
  let child: ChildProcess | undefined
  let last = Promise.resolve<unknown>(undefined)

  const running = async (): Promise<ChildProcess> => {
    if (child?.connected) return child
    child = start(program)
    for (const { artifact, bytes } of loaded()) {
      const reply = await exchange(child, { call: 'load', artifact, bytes }, limits.load)
      if (!('types' in reply)) throw new ChannelError('engine-stopped', 'the engine refuses a model it had')
    }
    return child
  }
  const ask = (call: Call): Promise<Reply> => {
    const reply = last.then(async () => await exchange(await running(), call, limits[call.call]))
    last = reply.catch(() => undefined)
    return reply
  }
  return {
    async load(artifact, bytes) {
      const reply = await ask({ call: 'load', artifact, bytes })
      if ('types' in reply) return reply.types
      throw new ChannelError(
        'unsupported-model',
        'unsupported' in reply ? reply.unsupported : 'model: failed',
      )
    },
    async run(artifact, bytes) {
      const reply = await ask({ call: 'run', artifact, bytes })
      if ('output' in reply) return reply.output
      if ('refused' in reply) throw new Refusal(reply.refused)
      throw new EngineFailure('failed' in reply ? reply.failed : 'unknown')
    },
  }
}

/** What the engine's process does: it answers calls until the other end of its channel is gone. */
export function serveEngine({ open }: EngineKind): void {
  const sessions = new Map<Hex, Session>()
  process.on('disconnect', () => process.exit(0))
  process.on('message', async ({ call, artifact, bytes }: Call) => {
    const work = call === 'load' ? load(artifact, bytes) : run(artifact, bytes)
    process.send?.(await work.catch((error): Reply => ({ failed: messageOf(error) })))
  })

  async function load(artifact: Hex, bytes: Uint8Array): Promise<Reply> {
    try {
      const session = await open(new Uint8Array(bytes))
      sessions.set(artifact, session)
      return { types: { input: session.input, output: session.output } }
    } catch (error) {
      return { unsupported: messageOf(error) }
    }
  }

  async function run(artifact: Hex, bytes: Uint8Array): Promise<Reply> {
    const session = sessions.get(artifact)
    if (!session) throw new Error('the model is not loaded')
    try {
      return { output: await session.run(new Uint8Array(bytes)) }
    } catch (error) {
      if (error instanceof Refusal) return { refused: error.message }
      throw error
    }
  }
}

function start(program: string): ChildProcess {
  const child = fork(program, [ENGINE_ARGUMENT], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  child.on('error', kill)
  child.unref()
  child.channel?.unref()
  return child
}

function exchange(child: ChildProcess, call: Call, limitMs: number): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const stop = (reason: string) => {
    child.kill('SIGKILL')
    // Without its channel the child counts as gone at once: the next call starts another.
    if (child.connected) child.disconnect()
    reject(new ChannelError('engine-stopped', `the engine ${reason}`))
  }
  const onExit = (code: number | null, signal: string | null) => stop(`ended (${signal ?? code})`)
  const timer = setTimeout(() => stop(`took longer than ${limitMs} ms`), limitMs)
  child.once('message', resolve as (reply: unknown) => void)
  child.once('exit', onExit)
  child.send(call, error => error && stop('is gone'))
  return promise.finally(() => {
    clearTimeout(timer)
    child.off('message', resolve)
    child.off('exit', onExit)
  })
}
