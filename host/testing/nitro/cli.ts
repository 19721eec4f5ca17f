/**
 * A stand-in of AWS's nitro-cli: `DIR SUBCOMMAND …`. It prints the JSON of aws-nitro-enclaves-cli 1.4 and exits as it
 * does; an enclave is a process that listens in DIR.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isRunning } from '../../src/processes/identity.ts'
import { behaviourOf, portOf, type StoredEnclave, storedEnclaves } from './machine.ts'

const [dir = '', subcommand, ...args] = process.argv.slice(2)
const behaviour = behaviourOf(dir)
const known: Record<string, () => unknown> = {
  '--version': () => process.stdout.write('Nitro CLI 1.4.2\n'),
  'run-enclave': run,
  'describe-enclaves': describe,
  'terminate-enclave': terminate,
}
appendFileSync(join(dir, 'calls'), `${[subcommand, ...args].join(' ')}\n`)
await (known[subcommand ?? ''] ?? (() => fail(2, `error: Found argument '${subcommand}'`)))()

async function run(): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      'eif-path': { type: 'string', default: '' },
      memory: { type: 'string', default: '' },
      'cpu-count': { type: 'string', default: '' },
      'enclave-name': { type: 'string', default: '' },
    },
  })
  if (behaviour.run === 'fails')
    fail(29, '[ E27 ] Insufficient CPUs available. User provided cpu-count is 2.')
  if (behaviour.run === 'hangs') await sleep(600_000)
  if (behaviour.run === 'garbage') return void process.stdout.write('Enclave started\n')
  if (behaviour.run === 'long') return void process.stdout.write(' '.repeat(2_000_000))
  if (behaviour.run === 'another-form') return print({ EnclaveID: 7 })
  const least = Math.ceil((4 * statSync(values['eif-path']).size) / 2 ** 20)
  if (Number(values.memory) < least)
    fail(26, `[ E26 ] Insufficient memory requested. The minimum memory should be ${least} MB`)
  process.stderr.write('Start allocating memory...\n')
  const enclave = await start(values['eif-path'], {
    name: values['enclave-name'],
    memoryMb: Number(values.memory),
    cpus: Number(values['cpu-count']),
  })
  if (behaviour.run === 'starts-then-hangs') await sleep(600_000)
  if (behaviour.run === 'starts-then-garbage') return void process.stdout.write('{"EnclaveName":')
  process.stderr.write(`Started enclave with enclave-cid: ${enclave.cid}, memory: ${enclave.memoryMb} MiB\n`)
  print(told(enclave))
}

/** Returns when it has given its sign of life. */
async function start(
  eif: string,
  what: Pick<StoredEnclave, 'name' | 'memoryMb' | 'cpus'>,
): Promise<StoredEnclave> {
  const cid = 16 + storedEnclaves(dir).length
  // Only where it is needed: most calls are to be quick.
  const { measureEif, parseEif, toHex } = await import('@nacre/verify')
  const { pcr0, pcr1, pcr2 } = measureEif(parseEif(new Uint8Array(readFileSync(eif))))
  const guest = spawn(
    process.execPath,
    [fileURLToPath(new URL('guest.ts', import.meta.url)), dir, `${cid}`, ...[pcr0, pcr1, pcr2].map(toHex)],
    { detached: true, stdio: 'ignore' },
  )
  guest.unref()
  const id = `i-0123456789abcdef0-enc${randomBytes(8).toString('hex')}`
  const enclave = { ...what, id, cid, pid: guest.pid ?? -1 }
  writeFileSync(join(dir, 'enclaves', `${id}.json`), JSON.stringify(enclave))
  while (behaviour.run !== 'deaf' && !existsSync(portOf(dir, cid))) await sleep(10)
  return enclave
}

async function describe(): Promise<void> {
  if (behaviour.describe === 'garbage') return void process.stdout.write('[{"EnclaveName": "x"}]')
  if (behaviour.describe === 'fails') fail(1, '[ E19 ] File operation failure: /run/nitro_enclaves')
  if (behaviour.describe === 'hangs') await sleep(600_000)
  print(running().map(enclave => ({ ...told(enclave), State: 'RUNNING', Flags: 'NONE', ImageName: 'mock' })))
}

async function terminate(): Promise<void> {
  const { values } = parseArgs({ args, options: { 'enclave-id': { type: 'string' } } })
  const enclave = running().find(({ id }) => id === values['enclave-id'])
  if (behaviour.terminate === 'fails') fail(1, '[ E36 ] Enclave process terminate failure')
  if (!enclave) return fail(1, '[ E11 ] Socket error')
  process.kill(enclave.pid, 'SIGKILL')
  while (isRunning(enclave.pid)) await sleep(10)
  process.stderr.write(`Successfully terminated enclave ${enclave.id}.\n`)
  print({ EnclaveName: enclave.name, EnclaveID: enclave.id, Terminated: true })
}

function running(): StoredEnclave[] {
  return storedEnclaves(dir).filter(({ pid }) => isRunning(pid))
}

function told({ name, id, pid, cid, cpus, memoryMb }: StoredEnclave): object {
  const CPUIDs = Array.from({ length: cpus }, (_, i) => 2 * i + 1)
  const what = { EnclaveName: name, EnclaveID: id, ProcessID: pid, EnclaveCID: cid }
  return { ...what, NumberOfCPUs: cpus, CPUIDs, MemoryMiB: memoryMb }
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

function fail(code: number, text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(code)
}
