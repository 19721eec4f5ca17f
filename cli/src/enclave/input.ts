import {
  configHash,
  type EnclaveConfig,
  fromHex,
  fromUtf8,
  type Hex,
  type Identity,
  parseConfig,
  parseIdentity,
  ZERO_HASH,
} from '@nacre/verify'
import { decoded, readBounded } from '../attestation/files.ts'
import { CliError } from '../errors.ts'
import type { Settings } from '../operator/settings.ts'
import { addressOf, hashOf } from '../operator/values.ts'

/** What an enclave tells of itself, and what it is to be registered with. */
export type RegistrationOptions = {
  evidence: string
  registration?: string
  receiptKey?: string
  tlsKeyHash?: string
  hpkeKey?: string
  operatorAddress?: string
  release?: string
  maxInput?: number
  maxOutput?: number
}

export type Input = { evidence: Uint8Array; identity: Identity; config: EnclaveConfig }

const MAX_FILE = 262_144
/** As an agent's configuration has them. */
const LIMITS = { maxInput: 1_048_576, maxOutput: 65_536 }
/** Options that say what a registration file says. */
const FIELDS = [
  ['receiptKey', '--receipt-key'],
  ['tlsKeyHash', '--tls-key-hash'],
  ['hpkeKey', '--hpke-key'],
  ['operatorAddress', '--operator-address'],
  ['release', '--release'],
  ['maxInput', '--max-input'],
  ['maxOutput', '--max-output'],
] as const

/** Reads files and options. @throws CliError bad-file, bad-input, usage */
export function readInput(options: RegistrationOptions, settings: Settings, account: Hex): Input {
  const file = readFile(options.evidence)
  const json = jsonOf(file)
  const evidence = json === undefined ? decoded(file) : evidenceIn(json, options.evidence)
  const told = options.registration === undefined ? json : jsonFile(options.registration)
  const given = FIELDS.filter(([field]) => options[field] !== undefined).map(([, option]) => option)
  if (told !== undefined && 'identity' in told) {
    if (given.length === 0)
      return { evidence, ...registrationIn(told, options.registration ?? options.evidence) }
    throw new CliError('usage', {
      what: `${given.join(', ')} and a registration file are given`,
      why: 'both say what is to be registered',
      fix: 'leave one of them out',
    })
  }
  if (options.registration !== undefined) throw noRegistration(options.registration, 'it has no identity')
  return { evidence, ...fromOptions(options, settings, account) }
}

function fromOptions(
  options: RegistrationOptions,
  { contracts, release }: Settings,
  account: Hex,
): Omit<Input, 'evidence'> {
  const releaseId = options.release === undefined ? release : hashOf(options.release, '--release')
  if (options.receiptKey === undefined || releaseId === undefined)
    throw new CliError('bad-input', {
      what: options.receiptKey === undefined ? 'no key is named' : 'no release is named',
      why: 'it cannot be guessed',
      fix: 'pass --registration FILE, or --receipt-key ADDRESS and --release ID',
    })
  const config: EnclaveConfig = {
    version: 1,
    chainId: BigInt(contracts.chainId),
    registry: contracts.enclaveRegistry,
    operator:
      options.operatorAddress === undefined
        ? account
        : addressOf(options.operatorAddress, '--operator-address'),
    releaseId,
    maxInput: options.maxInput ?? LIMITS.maxInput,
    maxOutput: options.maxOutput ?? LIMITS.maxOutput,
  }
  const key = (text: string | undefined, option: string): Hex =>
    text === undefined ? ZERO_HASH : hashOf(text, option)
  const identity: Identity = {
    version: 1,
    receiptKey: addressOf(options.receiptKey, '--receipt-key'),
    tlsKeyHash: key(options.tlsKeyHash, '--tls-key-hash'),
    hpkeKey: key(options.hpkeKey, '--hpke-key'),
    configHash: configHash(config),
  }
  return { identity, config }
}

type Json = Record<string, unknown>

/** `identity` and `config` beside whatever else the enclave or the operator told. */
function registrationIn({ identity, config }: Json, file: string): Omit<Input, 'evidence'> {
  try {
    return { identity: parseIdentity(identity, 'identity'), config: parseConfig(config, 'config') }
  } catch (error) {
    throw noRegistration(file, messageOf(error))
  }
}

function evidenceIn({ evidence }: Json, file: string): Uint8Array {
  try {
    return fromHex((evidence as { bytes: string }).bytes)
  } catch {
    throw badFile(
      `${file} has no evidence`,
      'it is JSON without evidence.bytes in hex',
      'use the document’s bytes, or the answer of /v1/attest or /v1/attestation',
    )
  }
}

function jsonFile(file: string): Json {
  const json = jsonOf(readFile(file))
  if (json === undefined) throw noRegistration(file, 'it is no JSON object')
  return json
}

/** Documents in hex or base64 do not begin like JSON. */
function jsonOf(bytes: Uint8Array): Json | undefined {
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes))
    return typeof value === 'object' && value !== null ? (value as Json) : undefined
  } catch {
    return undefined
  }
}

function readFile(path: string): Uint8Array {
  try {
    return readBounded(path, MAX_FILE)
  } catch (error) {
    throw badFile(`${path} cannot be read`, messageOf(error), 'give the path of a readable file')
  }
}

function noRegistration(file: string, why: string): CliError {
  return badFile(
    `${file} does not say what is to be registered`,
    why,
    'use the answer of the enclave’s /v1/identity or of an operator’s /v1/attestation, or options: --receipt-key …',
  )
}

function badFile(what: string, why: string, fix: string): CliError {
  return new CliError('bad-file', { what, why, fix })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
