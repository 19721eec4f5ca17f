import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  decodeZkStatement,
  fromHex,
  type Hex,
  keccak256,
  manifestHash,
  parametersHash,
  recoverSigner,
  releaseId,
  sha256,
} from '@nacre/verify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildImage } from '../../../enclave/scripts/build.ts'
import { IMAGES } from '../../../enclave/scripts/images.ts'
import { encodeModel, LINEAR } from '../../../enclave/test/onnxModel.ts'
import { graphBuilder } from '../../../proofs/src/zk/graph/build.ts'
import { modelIdOf } from '../../../proofs/src/zk/graph/model.ts'
import { decodeProofFile, encodeProofFile } from '../../../proofs/src/zk/graph/proofFile.ts'
import { encodeVerifyingKey, type VerifyingKey } from '../../../proofs/src/zk/graph/verifyingKey.ts'
import type { ZkVector } from '../../../vectors/zk/generate.ts'
import {
  proofFileOf,
  type ZkRefused,
  type ZkStatementVector,
} from '../../../vectors/zk-statements/generate.ts'
import { createEnclaveClient, type EnclaveClient } from '../enclaveClient.ts'
import { createRoot } from '../nsm/root.ts'
import type { RunningEnclave } from './driver.ts'
import { loadImage } from './image.ts'
import { simulatedDriver } from './simulated.ts'

/** The image that verifies proofs, as a process, with the proofs of vectors/zk. */
const VECTORS = join(import.meta.dirname, '../../../vectors')
const read = <T>(path: string): T => JSON.parse(readFileSync(join(VECTORS, path), 'utf8'))
const NAMES = ['regression', 'attention'] as const
const REFUSED = [
  ...['empty', 'cut-short', 'trailing-byte', 'version-2', 'unknown-mode', 'public-weights', 'other-model'],
  ...['other-batch', 'input-out-of-range', 'other-input', 'last-byte'],
]

const DOMAIN = { chainId: 31_337n, registry: `0x${'bb'.repeat(20)}` as Hex }
const OPERATOR: Hex = `0x${'a1'.repeat(20)}`
const USAGE = { units: 1n, price: 1000n, errorPrice: 10n, token: `0x${'00'.repeat(20)}` as Hex }
const MEDIA = { media: 'application/octet-stream' }

let nonces = 0
let running: RunningEnclave
let client: EnclaveClient
const statementOf = (name: string) => read<ZkStatementVector>(`zk-statements/${name}.json`)

beforeAll(async () => {
  const { dir } = await buildImage(join(import.meta.dirname, '../../../enclave/dist/zk'), IMAGES.zk)
  const image = await loadImage(dir)
  const release = releaseId(OPERATOR, manifestHash(image.manifest))
  const limits = { maxInput: 1_048_576, maxOutput: 65_536 }
  const config = { version: 1 as const, ...DOMAIN, operator: OPERATOR, releaseId: release, ...limits }
  running = await simulatedDriver.launch(image, { config, root: createRoot() })
  client = createEnclaveClient({ connect: running.connect })
  for (const name of NAMES) {
    const { artifact, key } = statementOf(name)
    const size = fromHex(key).length
    expect(await client.loadArtifact(artifact, fromHex(key))).toEqual({
      artifact,
      size,
      input: MEDIA,
      output: MEDIA,
    })
  }
})

afterAll(async () => {
  client.close()
  await running.terminate()
})

const ask = (artifact: Hex, input: Uint8Array, maxOutput = 65_536) =>
  client.infer({
    origin: { type: 'client', nonce: keccak256(Uint8Array.of(nonces++)) },
    ...{ artifact, input, maxOutput, usage: USAGE },
    anchor: { number: 7n, hash: `0x${'cc'.repeat(32)}` },
  })
const textOf = (output: Hex): string => Buffer.from(fromHex(output)).toString('latin1')

/** A sum of inputs, with the root of no weights. */
function regressionOf(dims: number[]): VerifyingKey {
  const { input, build } = graphBuilder({ dims, lo: 0, hi: 1 })
  const width = dims.at(-1)!
  return {
    graph: build(input.dense({ dims: [1, width], values: new Int32Array(width).fill(1) })).graph,
    root: new Uint8Array(32),
  }
}

test.each(NAMES)(
  '%s: the receipt covers the file of the proof, and its output is the statement',
  async name => {
    const { artifact, file, statement, hash, of } = statementOf(name)
    const input = proofFileOf(read<ZkVector>(`zk/${of}`))
    const { receipt, signature, output, parameters } = await ask(artifact, input)
    const { identity } = await client.identity()
    expect(recoverSigner(DOMAIN, receipt, signature)).toBe(identity.receiptKey)
    expect(parameters).toEqual({ engine: 'nacre-zk@1', seed: 0n })
    expect(output).toBe(statement)
    const parameter = parametersHash(parameters)
    expect(receipt).toMatchObject({
      ...{ status: 0, artifact, inputHash: file, outputHash: hash, parametersHash: parameter },
    })
    expect(decodeZkStatement(fromHex(output)).proofHash).toBe(sha256(decodeProofFile(input).proof))
  },
)

describe('what shows nothing is a signed refusal', () => {
  test.each(REFUSED)('%s', async name => {
    const {
      of,
      flip,
      cut = 0,
      extend = 0,
      mode,
      model,
      code,
    } = read<ZkRefused>(`zk-statements/refused-${name}.json`)
    const changes = { ...(mode !== undefined && { mode }), ...(model && { model: fromHex(model) }) }
    const whole = proofFileOf(read<ZkVector>(`zk/${of}`), changes)
    const bytes = Uint8Array.of(
      ...whole.subarray(0, Math.max(0, whole.length - cut)),
      ...new Uint8Array(extend),
    )
    if (flip) bytes[(flip.offset + bytes.length) % bytes.length]! ^= flip.mask
    const { receipt, output, usage } = await ask(statementOf('regression').artifact, bytes)
    expect(textOf(output)).toMatch(new RegExp(`^${code}: .+`))
    expect(receipt.status).toBe(1)
    expect(usage.price).toBe(USAGE.errorPrice)
  })

  test('a proof for another key, and a statement that the job leaves no room for', async () => {
    const [regression, attention] = NAMES.map(statementOf) as [ZkStatementVector, ZkStatementVector]
    const input = proofFileOf(read<ZkVector>(`zk/${regression.of}`))
    expect(textOf((await ask(attention.artifact, input)).output)).toMatch(/^zk-wrong-model: /)
    const { receipt, output } = await ask(regression.artifact, input, 319)
    expect(receipt.status).toBe(2)
    expect(textOf(output)).toBe('output-limit: 352 bytes, at most 319')
  })

  test('a batch that takes the verifier more than it has for strangers', async () => {
    const { graph, root } = regressionOf([1024])
    const key = encodeVerifyingKey({ graph, root })
    await client.loadArtifact(sha256(key), key)
    const values = { input: Int32Array.of(0), outputs: [Int32Array.of(0)], proof: new Uint8Array(0) }
    const file = encodeProofFile({ mode: 0, ...values, model: modelIdOf({ graph, root }), batch: 4096 })
    const { receipt, output } = await ask(sha256(key), file)
    expect(receipt.status).toBe(1)
    expect(textOf(output)).toMatch(/^model-too-large: .*multiplications of the verifier/)
  })
})

test('artifacts are verifying keys by their hash, and nothing else', async () => {
  const key = fromHex(statementOf('regression').key)
  const large = encodeVerifyingKey(regressionOf([32, 2 ** 16]))
  const others = [key.subarray(0, -1), Uint8Array.of(...key, 0), key.with(4, 2), encodeModel(LINEAR), large]
  for (const bytes of others)
    await expect(client.loadArtifact(sha256(bytes), bytes)).rejects.toMatchObject({
      code: 'unsupported-model',
    })
})
