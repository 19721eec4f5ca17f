/**
 * The verifier of quantised networks' proofs (docs/zk-soundness.md, section 7). It runs in Node and in browsers, shares the
 * definition of the statement with the prover, and nothing else.
 */
import { equalBytes, utf8 } from '@nacre/verify/bytes'
import type { Check } from '@nacre/verify/checks'
import { proofsError } from '../../errors.ts'
import type { Layout, Statement } from '../graph/graph.ts'
import { DEFAULT_LIMITS, type Limits, securityBits } from '../graph/layout.ts'
import { bits } from '../graph/limits.ts'
import { createChannel } from './channel.ts'
import { type Checks, createChecks, Refusal } from './checks.ts'
import { createClaims } from './claims.ts'
import { equal, type K } from './field.ts'
import { reduceFractions } from './fractions.ts'
import { checkVirtual } from './linear.ts'
import { checkColumns, drawPositions, type Opening, openClaims } from './opening.ts'
import { extension } from './points.ts'
import { createReader, type Reader } from './reader.ts'
import type { Session } from './session.ts'
import { layoutOfStatement, statementBytes } from './statement.ts'
import { createTranscript, type Transcript } from './transcript.ts'
import { checkLeaves } from './values.ts'
import { checkParameters } from './weights.ts'

/** Every check that was made, in order; where one does not hold it is the last, and the proof shows nothing. */
export type ZkVerdict = { ok: boolean; checks: readonly Check[] }

/** What a proof must have: -log2 of the chance that a false statement passes (section 10). */
export const MIN_SECURITY_BITS = 100

const MAGIC = 'NZKP'
const VERSION = 1

/**
 * Whether the proof shows that the network of the statement maps its input to its outputs.
 *
 * Who calls it has to trust graph and weights (section 11): the proof says nothing about where they come from.
 *
 * @param limits what the caller allows the verifier to compute; STRANGER_LIMITS for strangers' statements
 * @throws NacreError for a statement that nothing can prove: invalid-graph, unsupported-operator, shape-mismatch, range-overflow,
 * weight-out-of-range, model-too-large, invalid-input, zk-wrong-model, zk-value-out-of-range; and for bytes that are no proof of
 * it: zk-proof-size, zk-unsupported-version, zk-not-canonical
 */
export function verifyZk(
  proof: Uint8Array,
  statement: Statement,
  limits: Limits = DEFAULT_LIMITS,
): ZkVerdict {
  return verifyWithTranscript(proof, statement, createTranscript(), { limits })
}

/** For callers who want an exception. @throws NacreError zk-invalid-proof, naming the check that failed */
export function ensureProven({ ok, checks }: ZkVerdict): void {
  if (ok) return
  const failed = checks.at(-1)
  throw proofsError('zk-invalid-proof', `refused by ${failed?.name}: ${failed?.detail}`)
}

/**
 * verifyZk with parts that tests watch.
 * @throws NacreError as verifyZk does
 */
export function verifyWithTranscript(
  proof: Uint8Array,
  statement: Statement,
  transcript: Transcript,
  { limits = DEFAULT_LIMITS, checks = createChecks() }: { limits?: Limits; checks?: Checks } = {},
): ZkVerdict {
  const { graph } = statement
  const layout = layoutOfStatement(statement, limits)
  const reader = readHeader(proof, layout)
  const claims = createClaims(graph, layout)
  transcript.absorb('statement', statementBytes(statement))
  try {
    verifySteps(
      { graph, layout, channel: createChannel(reader, transcript), checks, claims },
      statement,
      reader,
    )
    return { ok: true, checks: checks.made }
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, checks: checks.made }
    throw error
  }
}

function verifySteps(session: Session, statement: Statement, reader: Reader): void {
  checkSecurity(session)
  const root = checkLookups(session)
  claimOutputs(session, statement)
  checkVirtual(session)
  checkInput(session, statement)
  const openings = checkOpenings(session, statement, root)
  checkQueries(session, openings, reader)
  session.checks.ensure('end', reader.offset() === session.layout.proofSize, 'every byte was read')
}

function checkSecurity({ graph, layout, checks }: Session): void {
  const security = securityBits(graph, layout)
  checks.ensure(
    'security',
    security >= MIN_SECURITY_BITS,
    `${security.toFixed(1)} bits of at least ${MIN_SECURITY_BITS}`,
  )
}

/** Steps 2 to 4; returns the columns' root, if there are any. */
function checkLookups(session: Session): Uint8Array | undefined {
  const { layout, channel, checks } = session
  if (!layout.d) return undefined
  const root = channel.receiveDigest('columns')
  const [alpha, beta] = channel.challenge('lookup').point(2) as [K, K]
  const leaf = reduceFractions(channel, checks, layout.leaves.nu)
  checkLeaves(session, { alpha, beta }, leaf)
  return root
}

/** Step 5. */
function claimOutputs({ graph, layout, channel, claims }: Session, { outputs }: Statement): void {
  graph.outputs.forEach((tensor, i) => {
    const { dims, size } = layout.tensors[tensor]!
    const point = channel.challenge('output').point(bits(size))
    claims.tensor(tensor, point, extension(outputs[i]!, dims, point))
  })
}

/** Step 7. */
function checkInput({ layout, checks, claims }: Session, { input }: Statement): void {
  claims.ofTensor(0).forEach(({ point, value }, i) => {
    const holds = equal(extension(input, layout.tensors[0]!.dims, point), value)
    checks.ensure(`input-${i}`, holds, 'the input is that of the statement')
  })
}

/** Step 8 up to the queries. */
function checkOpenings(session: Session, { weights }: Statement, root: Uint8Array | undefined): Opening[] {
  const { layout, channel, checks, claims } = session
  const openings: Opening[] = []
  if (layout.d && root) {
    openings.push(openClaims(channel, checks, { name: 'columns', shape: layout.d, root }, claims.columns))
  }
  if ('public' in weights) {
    checkParameters(session, weights.public)
  } else {
    const parameters = claims.parameters.map(claim => ({
      ...claim,
      item: layout.parameters[claim.parameter]!,
    }))
    openings.push(
      openClaims(channel, checks, { name: 'weights', shape: layout.w!, root: weights.id }, parameters),
    )
  }
  return openings
}

function checkQueries({ channel, checks }: Session, openings: readonly Opening[], reader: Reader): void {
  const draw = channel.challenge('query')
  const positions = openings.map(opening => drawPositions(draw, opening))
  openings.forEach((opening, i) => {
    checkColumns(reader, checks, opening, positions[i]!)
  })
}

/** The reader of a proof's body. @throws NacreError zk-proof-size, zk-unsupported-version, zk-wrong-model, zk-not-canonical */
function readHeader(proof: Uint8Array, layout: Layout): Reader {
  if (proof.length !== layout.proofSize) {
    throw proofsError(
      'zk-proof-size',
      `${proof.length} bytes, a proof of this statement has ${layout.proofSize}`,
    )
  }
  const reader = createReader(proof)
  if (!equalBytes(reader.bytes(MAGIC.length), utf8(MAGIC))) {
    throw proofsError('zk-unsupported-version', `the bytes do not begin with ${MAGIC}`)
  }
  const [version, mode, ...reserved] = reader.bytes(4)
  if (version !== VERSION) throw proofsError('zk-unsupported-version', `the proof has version ${version}`)
  if (mode !== layout.mode)
    throw proofsError('zk-wrong-model', `the proof has mode ${mode}, not ${layout.mode}`)
  if (reserved.some(byte => byte !== 0)) throw proofsError('zk-not-canonical', 'the reserved bytes are not 0')
  const count = reader.bytes(4)
  const batch = new DataView(count.buffer, count.byteOffset).getUint32(0, true)
  if (batch !== layout.batch)
    throw proofsError('zk-wrong-model', `the proof has batch ${batch}, not ${layout.batch}`)
  return reader
}
