import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fromHex, type Hex, toHex, ZERO_ADDRESS } from '@nacre/verify'
import { CliError } from '../errors.ts'

/** A model by the name that a network or a configuration knows it by. */
export type Named = { name: string; artifact: Hex }

/** An artifact by its hash, its name, or its file. */
export function artifactOf(text: string, known: readonly Named[]): Hex {
  const named = known.find(model => model.name === text)
  if (named) return named.artifact
  if (/^0x[0-9a-f]{64}$/.test(text)) return text as Hex
  if (existsSync(text)) return fileHash(text)
  throw new CliError('unknown-model', {
    what: `there is no model ${text}`,
    why: `known here: ${known.map(model => model.name).join(', ') || 'none'}; nor is it a hash or a file`,
    fix: 'use one of these names, 0x and the SHA-256 of the file, or the path of the file',
  })
}

export function fileHash(path: string): Hex {
  try {
    return toHex(createHash('sha256').update(readFileSync(path)).digest())
  } catch (error) {
    throw new CliError('bad-file', {
      what: `the model ${path} cannot be read`,
      why: error instanceof Error ? error.message : String(error),
      fix: 'give the path of a readable file',
    })
  }
}

/** Lower-case; zero, the chain's own coin, when absent. */
export function tokenOf(text: string | undefined): Hex {
  return text === undefined ? ZERO_ADDRESS : addressOf(text, '--token')
}

export function addressOf(text: string, option: string): Hex {
  return hexOf(text, 20, option, 'an address')
}

export function hashOf(text: string, option: string): Hex {
  return hexOf(text, 32, option, 'a hash')
}

function hexOf(text: string, bytes: number, option: string, what: string): Hex {
  try {
    fromHex(text.toLowerCase(), bytes)
    return text.toLowerCase() as Hex
  } catch {
    throw new CliError('bad-input', {
      what: `${option} ${text} is not ${what}`,
      why: `that is ${bytes} bytes in hex`,
      fix: `pass 0x and ${2 * bytes} hex digits`,
    })
  }
}

/** Seconds that fit the contracts' field. */
export function minDeadlineOf(seconds: number): number {
  if (seconds <= 0xffff_ffff) return seconds
  throw new CliError('bad-input', {
    what: `--min-deadline ${seconds} is too long`,
    why: 'the contracts hold 32 bits',
    fix: 'pass fewer seconds',
  })
}
