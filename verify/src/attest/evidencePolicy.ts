import { NacreError } from '../errors.ts'
import { arrayOf, integerOf, objectOf, oneOf, type Parser, textOf, versionOf } from '../shape.ts'

/**
 * What Intel says of a platform's TCB, from best to worst: tcbStatus of its TCB info, and what its library derives. Revoked is not among them:
 * no policy can accept it.
 */
export const TCB_STATUSES = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'TDRelaunchAdvised',
  'TDRelaunchAdvisedConfigurationNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
] as const
export type AcceptableTcbStatus = (typeof TCB_STATUSES)[number]
export type TcbStatus = AcceptableTcbStatus | 'Revoked'

/**
 * Which valid evidence is wanted. Bytes are hex of any case, with or without an 0x prefix, as the vendors' tools
 * print them. What is absent is not asked for, but debug is refused and the TCB must be up to date.
 */
export type EvidencePolicy = {
  version: 1
  /** Sets of registers, such as `{pcr0, pcr1, pcr2}`: the evidence has all the values of one of them. */
  measurements?: Record<string, string>[]
  /** Whether evidence of a TEE in debug mode, which protects nothing, is accepted. Default false. */
  debug?: boolean
  /** Whether a guest that a migration agent may move to another machine is accepted. Default false. */
  migration?: boolean
  /** Highest VMPL accepted of who asked for a report of SEV-SNP, 0 for the most privileged alone. Default any. */
  maxVmpl?: number
  /** Statuses accepted of TEEs that have one. Default UpToDate alone. */
  tcbStatuses?: AcceptableTcbStatus[]
  /** Least security version by component, such as `{microcode: 209}`. */
  minimumTcb?: Record<string, number>
  /** Oldest evidence accepted, seconds; evidence whose time nobody signs fails. */
  maxAge?: number
  /** The nonce that was sent; where the format has no field for it, the report data is it and zeros behind it. */
  nonce?: string
  /** Report data (Nitro: user_data), all of it. */
  reportData?: string
  /** The key that Nitro's public_key is; evidence without such a field fails. */
  publicKey?: string
  /** Sets of ids, such as `{chipId}` or `{fmspc, pceId}`: the machine has all the values of one of them. */
  platforms?: Record<string, string>[]
  /** Whether a partial verification passes, such as a GPU's without reference values. Default true; it is always told. */
  partial?: boolean
  /**
   * Trust roots in the place of the vendor's own: SHA-256 of certificates in DER, for AMD of public keys in DER
   * (SubjectPublicKeyInfo). Only tests and simulated evidence need them.
   */
  roots?: string[]
}

/** Authentic evidence of a TEE that is not in debug mode and whose TCB is up to date. It pins no measurement. */
export const DEFAULT_EVIDENCE_POLICY: EvidencePolicy = {
  version: 1,
  debug: false,
  tcbStatuses: ['UpToDate'],
}

const MAX_ENTRIES = 256
/** A public key of Nitro's has most. */
const MAX_BYTES = 1024
const NAME = '^[a-zA-Z][a-zA-Z0-9]{0,31}$'
const BYTES = `^(0x)?([0-9a-fA-F]{2}){1,${MAX_BYTES}}$`
const ID = '^[!-~]{1,256}$'

const shape = objectOf<{ version: 1 }, Required<Omit<EvidencePolicy, 'version'>>>(
  { version: versionOf(1) },
  {
    measurements: arrayOf(recordOf(bytesOf), MAX_ENTRIES),
    debug: booleanOf,
    migration: booleanOf,
    maxVmpl: integerOf(0, 3),
    tcbStatuses: arrayOf(oneOf(...TCB_STATUSES), TCB_STATUSES.length),
    minimumTcb: recordOf(integerOf(0, 65_535)),
    maxAge: integerOf(1, 2 ** 31 - 1),
    nonce: bytesOf,
    reportData: bytesOf,
    publicKey: bytesOf,
    platforms: arrayOf(recordOf(idOf), MAX_ENTRIES),
    partial: booleanOf,
    roots: arrayOf(bytesOf, 16),
  },
)

/**
 * A policy from a JSON value, with its hex in lower case and without prefixes.
 * @throws NacreError wrong-type, missing-field, unknown-field, unsupported-version, too-large, empty-policy (it says
 * nothing but its version, or has a list or record that is empty: nothing would satisfy it, or anything would)
 */
export function parseEvidencePolicy(value: unknown): EvidencePolicy {
  if (typeof value === 'object' && value !== null && Object.keys(value).every(key => key === 'version')) {
    throw empty('says nothing')
  }
  const policy = shape(value, 'policy')
  for (const [field, item] of Object.entries(policy)) {
    if (typeof item === 'object' && Object.keys(item).length === 0) throw empty(`has an empty ${field}`)
  }
  for (const field of ['measurements', 'platforms'] as const) {
    if (policy[field]?.some(set => Object.keys(set).length === 0)) throw empty(`has an empty set in ${field}`)
  }
  return policy
}

/** JSON Schema of a policy: accepts what parseEvidencePolicy accepts. */
export const evidencePolicySchema: { readonly [keyword: string]: unknown } = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Nacre evidence policy',
  type: 'object',
  additionalProperties: false,
  required: ['version'],
  minProperties: 2,
  properties: {
    version: { const: 1 },
    measurements: listSchema(recordSchema({ type: 'string', pattern: BYTES }), MAX_ENTRIES),
    debug: { type: 'boolean' },
    migration: { type: 'boolean' },
    maxVmpl: { type: 'integer', minimum: 0, maximum: 3 },
    tcbStatuses: listSchema({ enum: TCB_STATUSES }, TCB_STATUSES.length),
    minimumTcb: recordSchema({ type: 'integer', minimum: 0, maximum: 65_535 }),
    maxAge: { type: 'integer', minimum: 1, maximum: 2 ** 31 - 1 },
    nonce: { type: 'string', pattern: BYTES },
    reportData: { type: 'string', pattern: BYTES },
    publicKey: { type: 'string', pattern: BYTES },
    platforms: listSchema(recordSchema({ type: 'string', pattern: ID }), MAX_ENTRIES),
    partial: { type: 'boolean' },
    roots: listSchema({ type: 'string', pattern: BYTES }, 16),
  },
}

/** Hex in lower case without a prefix. */
function bytesOf(value: unknown, path: string): string {
  if (typeof value !== 'string' || value.length > 2 + 2 * MAX_BYTES || !new RegExp(BYTES).test(value)) {
    throw new NacreError('wrong-type', `${path} must be hex of 1 to ${MAX_BYTES} bytes`)
  }
  return value.toLowerCase().replace(/^0x/, '')
}

/** An id is compared as text; one that is hex is compared as bytes. */
function idOf(value: unknown, path: string): string {
  const text = textOf(256)(value, path)
  if (!new RegExp(ID).test(text)) throw new NacreError('wrong-type', `${path} must be printable ASCII`)
  return new RegExp(BYTES).test(text) ? bytesOf(text, path) : text
}

function booleanOf(value: unknown, path: string): boolean {
  if (typeof value === 'boolean') return value
  throw new NacreError('wrong-type', `${path} must be true or false`)
}

function recordOf<T>(item: Parser<T>): Parser<Record<string, T>> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new NacreError('wrong-type', `${path} must be an object`)
    const entries = Object.entries(value)
    if (entries.length > 64) throw new NacreError('too-large', `${path} has more than 64 entries`)
    return Object.fromEntries(
      entries.map(([name, entry]) => {
        if (!new RegExp(NAME).test(name))
          throw new NacreError('unknown-field', `${path}.${name.slice(0, 64)} is no name`)
        return [name, item(entry, `${path}.${name}`)]
      }),
    )
  }
}

function listSchema(items: object, maxItems: number): object {
  return { type: 'array', minItems: 1, maxItems, items }
}

function recordSchema(values: object): object {
  return {
    type: 'object',
    minProperties: 1,
    maxProperties: 64,
    propertyNames: { pattern: NAME },
    additionalProperties: values,
  }
}

function empty(reason: string): NacreError {
  return new NacreError('empty-policy', `the policy ${reason}: it would not say what is wanted`, {
    fix: 'Name at least one thing that you want of the evidence, such as a measurement; leave out what you do not care about.',
  })
}
