import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isRunning } from '../../src/processes/identity.ts'
import { installPrograms, type Programs } from '../programs.ts'

/** How the stand-in of nitro-cli behaves other than the real one, by its subcommand. */
export type Behaviour = {
  run?:
    | 'fails'
    | 'hangs'
    | 'garbage'
    | 'long'
    | 'another-form'
    /** The enclave is there, and what is told of it is not. */
    | 'starts-then-garbage'
    | 'starts-then-hangs'
    /** Nobody listens in it. */
    | 'deaf'
    /** Its program never says that it is ready. */
    | 'silent'
    /** It does not end with its link. */
    | 'stays'
  describe?: 'garbage' | 'fails' | 'hangs'
  terminate?: 'fails'
}

/** What the stand-in keeps of an enclave. */
export type StoredEnclave = {
  name: string
  id: string
  cid: number
  pid: number
  memoryMb: number
  cpus: number
}

/** An instance with stand-ins of nitro-cli and socat on PATH; its enclaves are processes. */
export type NitroMachine = {
  programs: Programs
  behave(behaviour: Behaviour): void
  /** Of the enclaves that were started, those that run. */
  running(): StoredEnclave[]
  /** Command lines of nitro-cli so far. */
  calls(): string[]
  remove(): void
}

export function createNitroMachine(): NitroMachine {
  const dir = mkdtempSync(join(tmpdir(), 'nacre-nitro-test-'))
  mkdirSync(join(dir, 'enclaves'))
  const programs = installPrograms()
  for (const [name, file] of [
    ['nitro-cli', 'cli.ts'],
    ['socat', 'socat.ts'],
  ] as const) {
    const script = fileURLToPath(new URL(file, import.meta.url))
    programs.add(name, `exec ${process.execPath} ${script} ${dir} "$@"`)
  }
  const running = () => storedEnclaves(dir).filter(({ pid }) => isRunning(pid))
  return {
    programs,
    running,
    behave: behaviour => writeFileSync(join(dir, 'behaviour.json'), JSON.stringify(behaviour)),
    calls: () =>
      existsSync(join(dir, 'calls')) ? readFileSync(join(dir, 'calls'), 'utf8').trim().split('\n') : [],
    remove() {
      for (const { pid } of running()) process.kill(pid, 'SIGKILL')
      programs.remove()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export function storedEnclaves(dir: string): StoredEnclave[] {
  return readdirSync(join(dir, 'enclaves'))
    .filter(name => name.endsWith('.json'))
    .map(name => JSON.parse(readFileSync(join(dir, 'enclaves', name), 'utf8')))
}

export function behaviourOf(dir: string): Behaviour {
  const file = join(dir, 'behaviour.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
}

/** Where an enclave's only port is, for those that know its CID. */
export function portOf(dir: string, cid: number): string {
  return join(dir, `${cid}.sock`)
}
