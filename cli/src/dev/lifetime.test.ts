import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { createLifetime } from './lifetime.ts'

const none = { onStopFailed: () => {} }

test('stops in reverse order, once, whatever a stop throws', async () => {
  const said: string[] = []
  const lifetime = createLifetime({ onStopFailed: (name, error) => said.push(`${name}: ${error}`) })
  await lifetime.keep('first', () => said.push('first'))
  await lifetime.keep('second', () => {
    throw new Error('stuck')
  })
  await lifetime.keep('third', () => said.push('third'))
  await Promise.all([lifetime.close(), lifetime.close()])
  expect(said).toEqual(['third', 'second: Error: stuck', 'first'])
})

test('what starts while closing is stopped at once', async () => {
  const lifetime = createLifetime(none)
  await lifetime.close()
  let stopped = false
  await lifetime.keep('late', () => {
    stopped = true
  })
  expect(stopped).toBe(true)
})

test('a child that ends by itself ends the work, and is named', async () => {
  const lifetime = createLifetime(none)
  lifetime.watch('the chain', Promise.resolve())
  const forever = new Promise<void>(() => {})
  await expect(lifetime.during(forever)).rejects.toMatchObject({ code: 'child-failed' })
  await expect(lifetime.during(forever)).rejects.toThrow('the chain ended')
})

test('a child that ends while closing is no failure', async () => {
  const lifetime = createLifetime(none)
  await lifetime.close()
  lifetime.watch('the chain', Promise.resolve())
  await expect(lifetime.during(Promise.resolve('done'))).resolves.toBe('done')
})

test('one Ctrl-C stops in order, though it may arrive twice', async () => {
  // The stop ends with the second signal, so that it never meets a process that is gone already.
  const stop = "() => new Promise(resolve => { process.once('SIGINT', resolve); console.log('waiting') })"
  // Its clock stands still: however late the second comes, it is of the same press.
  const { child, said } = run(stop, 'performance.now = () => 0')
  await said('up')
  child.kill('SIGINT')
  await said('waiting')
  child.kill('SIGINT')
  expect((await once(child, 'close'))[0]).toBe(0)
})

test('another Ctrl-C forces when a stop hangs', async () => {
  const { child, said } = run('() => new Promise(() => {})')
  await said('up')
  child.kill('SIGINT')
  await said('stopping')
  const press = setInterval(() => child.kill('SIGINT'), 50)
  expect((await once(child, 'close'))[0]).toBe(130)
  clearInterval(press)
})

/** A process that is up until a signal comes, and then stops one thing. */
function run(stop: string, first = ''): { child: ChildProcess; said: (line: string) => Promise<unknown> } {
  const script = `
    import { createLifetime } from '${new URL('./lifetime.ts', import.meta.url)}'
    ${first}
    const lifetime = createLifetime({ onStopFailed: () => {} })
    const up = setInterval(() => {}, 1000)
    await lifetime.keep('thing', ${stop})
    console.log('up')
    await lifetime.interrupted
    console.log('stopping')
    await lifetime.close()
    clearInterval(up)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout! })
  const seen = new Map<string, PromiseWithResolvers<void>>()
  const of = (line: string) => seen.get(line) ?? seen.set(line, Promise.withResolvers<void>()).get(line)!
  lines.on('line', line => of(line).resolve())
  return { child, said: line => of(line).promise }
}
