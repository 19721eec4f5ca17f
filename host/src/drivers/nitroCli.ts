import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { messageOf } from '@nacre/verify'
import { arrayOf, integerOf, type Parser, parseJson, textOf } from '@nacre/verify/shape'
import { printable } from './console.ts'
import { DriverError } from './errors.ts'

/** An enclave as nitro-cli tells of it: `process` is what runs it on this machine, `cid` its address. */
export type NitroEnclave = { name: string; id: string; process: number; cid: number }

export type NitroStart = { eif: string; memoryMb: number; cpus: number; name: string }

export const NITRO_CLI = 'nitro-cli'
const MAX_JSON = 1_048_576
const MAX_ENCLAVES = 256
const MAX_QUOTE = 400
const CALL_MS = 10_000
/** The lower ones have a meaning of their own, and so has the last (Linux, include/uapi/linux/vm_sockets.h). */
const CIDS = [3, 0xffff_fffe] as const

type Call = { timeoutMs: number; signal?: AbortSignal | undefined; onProcess: (pid: number) => void }

/**
 * Boots an image file; never in debug mode, which Nitro attests with registers of zeros.
 * @throws DriverError launch-failed, launch-timeout
 */
export async function runEnclave(
  { eif, memoryMb, cpus, name }: NitroStart,
  { timeoutMs, signal, onProcess }: Call,
): Promise<NitroEnclave> {
  const size = ['--memory', `${memoryMb}`, '--cpu-count', `${cpus}`]
  const call = execute(['run-enclave', '--eif-path', eif, ...size, '--enclave-name', name], timeoutMs, signal)
  if (call.child.pid !== undefined) onProcess(call.child.pid)
  return await answerOf('run-enclave', call, parseEnclave)
}

/** All of this machine. @throws DriverError launch-failed, launch-timeout */
export function describeEnclaves(): Promise<NitroEnclave[]> {
  return answerOf('describe-enclaves', execute(['describe-enclaves']), parseEnclaves)
}

/** Ends the enclave of this name; that there is none is as good. @throws DriverError sweep-failed */
export async function endEnclave(name: string): Promise<void> {
  try {
    for (const { id } of await named(name)) {
      await execute(['terminate-enclave', '--enclave-id', id]).catch(async error => {
        // It may have ended in between.
        if ((await named(name)).length > 0) throw new Error(`terminate-enclave: ${reasonOf(error)}`)
      })
    }
  } catch (cause) {
    throw new DriverError('sweep-failed', `the enclave ${name} is not ended: ${messageOf(cause)}`, cause)
  }
}

async function named(name: string): Promise<NitroEnclave[]> {
  return (await describeEnclaves()).filter(enclave => enclave.name === name)
}

const execute = (args: string[], timeout = CALL_MS, signal?: AbortSignal) =>
  promisify(execFile)(NITRO_CLI, args, { timeout, signal, killSignal: 'SIGKILL', maxBuffer: MAX_JSON })

async function answerOf<T>(what: string, call: Promise<{ stdout: string }>, parse: Parser<T>): Promise<T> {
  try {
    const { stdout } = await call
    return parse(parseJson(stdout, MAX_JSON, 'its output'), what)
  } catch (cause) {
    const code = (cause as { killed?: boolean }).killed ? 'launch-timeout' : 'launch-failed'
    throw new DriverError(code, `${NITRO_CLI} ${what}: ${reasonOf(cause)}`, cause)
  }
}

/** What it wrote on its errors, which ends with the reason. */
function reasonOf(error: unknown): string {
  const { code, killed, stderr = '' } = error as { code?: unknown; killed?: boolean; stderr?: string }
  if (code === 'ENOENT') return 'it is not installed'
  if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return `its output is longer than ${MAX_JSON} bytes`
  if (killed) return 'it does not answer in time'
  const said = stderr.split('\n').map(printable).filter(Boolean).join(' | ').slice(-MAX_QUOTE)
  return typeof code === 'number' ? `exit ${code}: ${said || 'it said nothing'}` : messageOf(error)
}

/**
 * It is a program of this machine's, and its versions differ in what else they tell: the fields that are used are there
 * and of their form, others are passed over.
 */
const parseEnclave: Parser<NitroEnclave> = (value, path) => {
  if (typeof value !== 'object' || value === null) throw new Error(`${path} is no object`)
  const read = <T>(field: string, parse: Parser<T>): T =>
    parse((value as Record<string, unknown>)[field], `${path}.${field}`)
  return {
    name: read('EnclaveName', textOf(256)),
    id: read('EnclaveID', textOf(256)),
    process: read('ProcessID', integerOf(1, 2 ** 31 - 1)),
    cid: read('EnclaveCID', integerOf(...CIDS)),
  }
}

const parseEnclaves = arrayOf(parseEnclave, MAX_ENCLAVES)
