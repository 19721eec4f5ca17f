import { readFileSync, statSync } from 'node:fs'
import { type EnclaveConfig, messageOf } from '@nacre/verify'
import { parseConfig } from '@nacre/verify/bundle'
import { EVIDENCE_KINDS, type EvidenceKind } from '@nacre/verify/evidence'
import { integerOf, objectOf, oneOf, type Parser, parseJson, textOf, versionOf } from '@nacre/verify/shape'
import { ChannelError } from './errors.ts'
import { MAX_PAYLOAD } from './limits.ts'

/** What the program is started with. `config` is attested; the rest is the host's own business. */
export type StartOptions = {
  version: 1
  config: EnclaveConfig
  /** Of what kind its evidence is to be: the host's word, which the evidence itself has to bear out. */
  evidence: EvidenceKind
  /** Unix sockets: the channel that the enclave listens on, and for `simulated` and `nitro` the security module's. */
  sockets: { channel: string; securityModule?: string }
  engine: EngineLimits
}

/** Most artifacts loaded at a time, and their total size in bytes. */
export type EngineLimits = { maxArtifacts: number; maxArtifactBytes: number }

const MAX_CONFIG_BYTES = 16_384

/** The fields that every image has. */
export const START_FIELDS = {
  version: versionOf(1),
  config: parseConfig,
  evidence: oneOf(...EVIDENCE_KINDS),
  sockets: objectOf<{ channel: string }, { securityModule: string }>(
    { channel: textOf(107) },
    { securityModule: textOf(107) },
  ),
  engine: objectOf<EngineLimits>({
    maxArtifacts: integerOf(1, 1024),
    maxArtifactBytes: integerOf(1, 16 * 2 ** 30),
  }),
}

const parseStartOptions = objectOf<StartOptions>(START_FIELDS)

/** @throws ChannelError invalid-config */
export function readStartOptions(file: string): StartOptions {
  return readOptions(file, parseStartOptions)
}

/** Those of an image that has more of them. @throws ChannelError invalid-config */
export function readOptions<T extends StartOptions>(file: string, parse: Parser<T>): T {
  try {
    if (statSync(file).size > MAX_CONFIG_BYTES) throw new Error(`longer than ${MAX_CONFIG_BYTES} bytes`)
    const json = parseJson(readFileSync(file, 'utf8'), MAX_CONFIG_BYTES, 'configuration')
    const options = parse(json, 'configuration')
    for (const limit of [options.config.maxInput, options.config.maxOutput]) {
      if (limit < 1 || limit > MAX_PAYLOAD) throw new Error(`maxInput and maxOutput are 1 to ${MAX_PAYLOAD}`)
    }
    requireModule(options)
    return options
  } catch (cause) {
    throw new ChannelError('invalid-config', `${file}: ${messageOf(cause)}`, cause)
  }
}

/** A security module where evidence is made by one, and none elsewhere: nothing that is not used is passed over. */
function requireModule({ evidence, sockets }: StartOptions): void {
  const wanted = evidence === 'simulated' || evidence === 'nitro'
  if (wanted === (sockets.securityModule !== undefined)) return
  throw new Error(`evidence of kind ${evidence} ${wanted ? 'needs' : 'takes no'} sockets.securityModule`)
}
