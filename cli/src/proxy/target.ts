import { existsSync, readFileSync } from 'node:fs'
import { fromHex, type Hex, type Policy } from '@nacre/verify'
import { policyOf } from '../commands/receipt.ts'
import type { Inference } from '../dev/network.ts'
import { CliError } from '../errors.ts'
import { statePaths } from '../paths.ts'

/** Options of every command that asks a gateway for private inference. */
export type TargetOptions = {
  gateway?: string
  policy?: string
  release?: string
  developmentRoot?: string
  /** NAME=0x…, several. */
  model?: string[]
  state: string
}

/** Whom to ask, what is accepted, and which file each name of a model has to be. */
export type Target = { url: string; policy: Policy; models: Record<string, Hex> }

/** What was given, and for what was not the development network that runs on the state folder. */
export function targetOf(options: TargetOptions): Target {
  const pins = Object.fromEntries((options.model ?? []).map(pinOf))
  if (options.gateway !== undefined)
    return { url: addressOf(options.gateway), policy: policyOf(options), models: pins }
  const paths = statePaths(options.state)
  const running = readNetwork(paths.network)
  const policy = policyOf({ ...options, policy: options.policy ?? paths.policy })
  const models = options.model === undefined ? running.models : pins
  return { url: addressOf(running.url), policy, models }
}

type Announced = { url: string; models: Record<string, Hex> }

/** `inference` of a development network's file: where its gateway is, and the files of its language models. */
function readNetwork(file: string): Announced {
  const found = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const inference: Inference | undefined = found.inference
  if (inference && existsSync(`/proc/${found.pid}`))
    return { url: inference.baseUrl, models: inference.models }
  throw new CliError('not-running', {
    what: 'it was not said which gateway to ask',
    why: `no development network with a gateway runs on ${file}`,
    fix: 'name one with --gateway URL, --policy FILE and --model NAME=0x…, or start nacre dev',
  })
}

function pinOf(text: string): [name: string, artifact: Hex] {
  const at = text.lastIndexOf('=')
  const artifact = text.slice(at + 1)
  try {
    fromHex(artifact, 32)
    return [at === -1 ? artifact : text.slice(0, at), artifact as Hex]
  } catch (cause) {
    throw new CliError('bad-input', {
      what: `--model ${text} pins no model`,
      why: cause instanceof Error ? cause.message : String(cause),
      fix: 'pass NAME=0x and the SHA-256 of the model’s file, as its publisher tells it',
    })
  }
}

function addressOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const plain = url && /^\/(v1\/?)?$/.test(url.pathname) && url.search === '' && url.hash === ''
  if (plain && /^https?:$/.test(url.protocol) && url.username === '') return url.origin
  throw new CliError('bad-input', {
    what: `--gateway ${text} is no address of a gateway`,
    why: 'it is http:// or https://, a host and maybe a port, and nothing behind it but /v1',
    fix: 'for example --gateway https://gateway.example',
  })
}
