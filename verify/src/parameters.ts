import { abiEncode } from './abi.ts'
import { type Hex, utf8 } from './bytes.ts'
import { canonicalJson } from './canonicalJson.ts'
import { messageOf, NacreError } from './errors.ts'
import { keccak256 } from './hash.ts'
import { amountOf, objectOf, type Parser, textOf } from './shape.ts'

/**
 * What the answer depends on beside artifact and input; seed 0 for a deterministic engine. `settings`, canonical JSON
 * (docs/inference.md, Receipt of an answer), is there for answers of language models, and makes it version 2.
 */
export type Parameters = { engine: string; seed: bigint; settings?: string }

/** Longest settings, in bytes and in characters: they are ASCII. */
export const MAX_SETTINGS = 4096

/** @throws NacreError integer-out-of-range */
export function parametersHash({ engine, seed, settings }: Parameters): Hex {
  const name = keccak256(utf8(engine))
  if (settings === undefined) return keccak256(abiEncode(['uint16', 1], ['bytes32', name], ['uint256', seed]))
  const settingsHash = keccak256(utf8(settings))
  return keccak256(abiEncode(['uint16', 2], ['bytes32', name], ['uint256', seed], ['bytes32', settingsHash]))
}

/** The settings as they are hashed: RFC 8785, keys in their order, no white space. @throws NacreError too-large, invalid-json */
export function encodeSettings(settings: Record<string, unknown>): string {
  const text = canonicalJson(settings)
  if (text.length > MAX_SETTINGS)
    throw new NacreError('too-large', `settings are longer than ${MAX_SETTINGS} bytes`)
  if (!isAscii(text)) throw new NacreError('invalid-json', 'settings are not ASCII')
  return text
}

const parseSettings: Parser<string> = (value, path) => {
  const text = textOf(MAX_SETTINGS)(value, path)
  try {
    if (encodeSettings(JSON.parse(text)) === text && text.startsWith('{')) return text
  } catch (cause) {
    throw new NacreError('invalid-json', `${path}: ${messageOf(cause)}`, { cause })
  }
  throw new NacreError('invalid-json', `${path} is not canonical JSON of an object`)
}

/** Parses the JSON of parameters, as bundles and the channel carry them. @throws NacreError wrong-type and kin, invalid-json */
export const parseParameters: Parser<Parameters> = objectOf<
  Pick<Parameters, 'engine' | 'seed'>,
  { settings: string }
>({ engine: textOf(128), seed: amountOf(256) }, { settings: parseSettings })

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text)
}
