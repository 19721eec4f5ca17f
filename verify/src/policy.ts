import type { Hex } from './bytes.ts'
import { NacreError } from './errors.ts'
import { arrayOf, hexOf, integerOf, objectOf, oneOf, versionOf } from './shape.ts'

/** What a caller accepts. Listing confers no trust: name the releases, or the publishers, that you trust. */
export type Policy = {
  version: 1
  assurance: ('simulated' | 'tee')[]
  releases: Hex[]
  /**
   * Whoever sends a release names its publisher, and anybody can name this one: it counts with the word of a chain alone,
   * `chain.releasePublisher` and `expect.registry` of verifyReceipt. Offline, name releases.
   */
  publishers: Hex[]
  /** Oldest evidence accepted, seconds. */
  maxEvidenceAge: number
  /** DER certificates of security modules that simulate; never in production. */
  developmentRoots: Hex[]
  /** SHA-256 of root certificates (DER) that AWS Nitro's evidence may be under in the place of AWS's; for tests. */
  nitroRoots?: Hex[]
  /** Only these operators; any when absent. */
  operators?: Hex[]
  /** Only these artifacts; any when absent. */
  artifacts?: Hex[]
}

const MAX_ENTRIES = 256
const MAX_AGE = 2 ** 31 - 1
const MAX_ROOT = 1024

/** A base to spread: real TEEs only, evidence of the last day. It accepts nothing until releases or publishers are
 * added: a policy without both is an error. */
export const DEFAULT_POLICY: Policy = {
  version: 1,
  assurance: ['tee'],
  releases: [],
  publishers: [],
  maxEvidenceAge: 86_400,
  developmentRoots: [],
}

const shape = objectOf<
  Omit<Policy, 'nitroRoots' | 'operators' | 'artifacts'>,
  Pick<Required<Policy>, 'nitroRoots' | 'operators' | 'artifacts'>
>(
  {
    version: versionOf(1),
    assurance: arrayOf(oneOf('simulated', 'tee'), 2),
    releases: arrayOf(hexOf(32), MAX_ENTRIES),
    publishers: arrayOf(hexOf(20), MAX_ENTRIES),
    maxEvidenceAge: integerOf(1, MAX_AGE),
    developmentRoots: arrayOf(hexOf({ max: MAX_ROOT }), 16),
  },
  {
    nitroRoots: arrayOf(hexOf(32), 16),
    operators: arrayOf(hexOf(20), MAX_ENTRIES),
    artifacts: arrayOf(hexOf(32), MAX_ENTRIES),
  },
)

/**
 * @throws NacreError wrong-type, missing-field, unknown-field, unsupported-version, too-large, empty-policy (no
 * release and no publisher, no assurance, or a list of Nitro roots, operators or artifacts that is empty)
 */
export function parsePolicy(value: unknown): Policy {
  const policy = shape(value, 'policy')
  const { releases, publishers, assurance, nitroRoots, operators, artifacts } = policy
  if (releases.length + publishers.length === 0) throw empty('names no release and no publisher')
  if (assurance.length === 0) throw empty('names no assurance')
  if (nitroRoots?.length === 0) throw empty('has an empty list of Nitro roots')
  if (operators?.length === 0) throw empty('has an empty list of operators')
  if (artifacts?.length === 0) throw empty('has an empty list of artifacts')
  return policy
}

/** JSON Schema of a policy: accepts what parsePolicy accepts. */
export const policySchema: { readonly [keyword: string]: unknown } = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Nacre policy',
  type: 'object',
  additionalProperties: false,
  required: ['version', 'assurance', 'releases', 'publishers', 'maxEvidenceAge', 'developmentRoots'],
  anyOf: [{ properties: { releases: { minItems: 1 } } }, { properties: { publishers: { minItems: 1 } } }],
  properties: {
    version: { const: 1 },
    assurance: { type: 'array', minItems: 1, maxItems: 2, items: { enum: ['simulated', 'tee'] } },
    releases: listSchema('^0x[0-9a-f]{64}$'),
    publishers: listSchema('^0x[0-9a-f]{40}$'),
    maxEvidenceAge: { type: 'integer', minimum: 1, maximum: MAX_AGE },
    developmentRoots: { ...listSchema(`^0x([0-9a-f]{2}){0,${MAX_ROOT}}$`), maxItems: 16 },
    nitroRoots: { ...listSchema('^0x[0-9a-f]{64}$'), minItems: 1, maxItems: 16 },
    operators: { ...listSchema('^0x[0-9a-f]{40}$'), minItems: 1 },
    artifacts: { ...listSchema('^0x[0-9a-f]{64}$'), minItems: 1 },
  },
}

function listSchema(pattern: string): {
  type: string
  maxItems: number
  items: { type: string; pattern: string }
} {
  return { type: 'array', maxItems: MAX_ENTRIES, items: { type: 'string', pattern } }
}

function empty(reason: string): NacreError {
  return new NacreError('empty-policy', `the policy ${reason}: it would accept nothing`)
}
