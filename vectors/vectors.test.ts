import {
  type Batch,
  type BatchEntry,
  batchLeaf,
  configHash,
  decodeCase,
  decodePipeline,
  decodePolicyArtifact,
  decodeStatement,
  decodeTensor,
  encodeCase,
  encodeManifest,
  encodePipeline,
  encodeStatement,
  encodeTensor,
  fromHex,
  type Hex,
  isInBatch,
  judgeCase,
  keccak256,
  manifestHash,
  measurementDigest,
  measurementsOf,
  NacreError,
  type Policy,
  parametersHash,
  parseBundle,
  parseManifest,
  parseReceipt,
  type ReceiptBundle,
  type ReservationTerms,
  receiptId,
  recoverBatchSigner,
  recoverSigner,
  recoverVoucherSigner,
  releaseId,
  requestId,
  reservationId,
  sha256,
  toHex,
  usageHash,
  userData,
  utf8,
  type Voucher,
  verifyReceipt,
  verifySimulated,
} from '@nacre/verify'
import { deriveRecipient, openRequest, type SealedRequest, sealRequest } from '@nacre/verify/seal'
import { describe, expect, test } from 'vitest'
import { NOW, policy } from '../test/mock-authority/index.ts'
import { receiptCases } from './receipts/generate.ts'
import type { SealedVector } from './sealed/generate.ts'

// Vite reads the files, so that a browser has them too.
const files: Record<string, Record<string, never>> = import.meta.glob('./*/*.json', {
  eager: true,
  import: 'default',
})
const load = (folder: string): [string, Record<string, never>][] =>
  Object.entries(files)
    .filter(([path]) => path.startsWith(`./${folder}/`))
    .map(([path, vector]) => [path.slice(folder.length + 3), vector])

const FIELDS =
  'version requestId releaseId configHash artifact inputHash outputHash parametersHash usageHash status sequence anchorNumber anchorHash parentsRoot extensionsRoot'.split(
    ' ',
  )

describe('pipelines', () => {
  test.each(load('pipelines'))('%s', (_, vector) => {
    const bytes = fromHex(vector.bytes ?? '')
    if (vector.error) return expect(codeOf(() => decodePipeline(bytes))).toBe(vector.error)
    const { manifest, files } = decodePipeline(bytes)
    expect({ manifest, files: files.map(toHex) }).toEqual({ manifest: vector.manifest, files: vector.files })
    expect(toHex(encodePipeline({ manifest, files }))).toBe(vector.bytes)
    expect(sha256(bytes)).toBe(vector.sha256)
  })
})

describe('cases', () => {
  test.each(load('cases'))('%s', (_, vector) => {
    const bytes = fromHex(vector.bytes ?? '')
    if (vector.error) return expect(codeOf(() => decodeCase(bytes))).toBe(vector.error)
    const found = decodeCase(bytes)
    const collateral = Object.fromEntries([...found.collateral].map(([name, piece]) => [name, toHex(piece)]))
    const { tee, evidence, time } = vector
    expect({ ...found, evidence: toHex(found.evidence), collateral, time: Number(found.time) }).toEqual({
      ...{ tee, evidence, time },
      collateral: vector.collateral,
    })
    expect(toHex(encodeCase(found))).toBe(vector.bytes)
    expect(keccak256(bytes)).toBe(vector.hash)
  })
})

describe('statements', () => {
  const judged = (vector: Record<string, never>) => {
    const artifact = utf8(vector.policy ?? '')
    expect(sha256(artifact)).toBe(vector.artifact)
    return judgeCase(fromHex(vector.case ?? ''), decodePolicyArtifact(artifact))
  }
  test.each(load('statements'))('%s', (_, vector) => {
    if (vector.error)
      return expect(codeOf(() => decodeStatement(fromHex(vector.statement ?? '')))).toBe(vector.error)
    if (vector.code) return expect(judged(vector)).toMatchObject({ code: vector.code })
    const { evidenceHash, measurement, userData, nonce, kind } = vector
    const statement = decodeStatement(fromHex(vector.statement ?? ''))
    expect(statement).toEqual({
      ...{ version: 1, kind, evidenceHash, measurement, userData, nonce },
      time: BigInt(vector.time ?? 0),
    })
    expect(toHex(encodeStatement(statement))).toBe(vector.statement)
    expect(keccak256(fromHex(vector.statement ?? ''))).toBe(vector.hash)
    expect(judged(vector)).toEqual({ statement: fromHex(vector.statement ?? '') })
  })
})

describe('releases', () => {
  test.each(load('releases'))('%s', (_, vector) => {
    const bytes = fromHex(vector.bytes ?? '')
    if (vector.error) return expect(codeOf(() => parseManifest(bytes))).toBe(vector.error)
    const manifest = parseManifest(bytes)
    expect(manifest).toEqual(vector.manifest)
    expect(toHex(encodeManifest(manifest))).toBe(vector.bytes)
    expect(manifestHash(manifest)).toBe(vector.manifestHash)
    expect(releaseId(vector.publisher as unknown as Hex, manifestHash(manifest))).toBe(vector.releaseId)
    const measurements = measurementsOf(manifest).map(measurement => ({
      kind: measurement.kind,
      registers: measurement.registers.map(toHex),
      digest: measurementDigest(measurement),
    }))
    expect(measurements).toEqual(vector.measurements)
  })
})

describe('tensors', () => {
  test.each(load('tensors'))('%s', (_, vector) => {
    const bytes = fromHex(vector.bytes ?? '')
    if (vector.error) return expect(codeOf(() => decodeTensor(bytes))).toBe(vector.error)
    const tensor = decodeTensor(bytes)
    expect([tensor.dtype, tensor.dims]).toEqual([vector.dtype, vector.dims])
    expect(Array.from(tensor.data as Float64Array, v => (Object.is(v, -0) ? '-0' : String(v)))).toEqual(
      vector.values,
    )
    expect(toHex(encodeTensor(tensor))).toBe(vector.bytes)
    expect(keccak256(bytes)).toBe(vector.hash)
  })
})

describe('batches', () => {
  test.each(load('batches'))('%s', (_, vector: Record<string, never>) => {
    const { terms, voucher, entries, batch } = vector as unknown as Parsed
    const chainId = BigInt(vector.chainId ?? 0)
    const domain = { chainId, balances: vector.balances as unknown as Hex }
    expect(reservationId(domain, { ...terms, salt: BigInt(terms.salt) })).toBe(batch.reservation)
    const exact = { ...voucher, index: BigInt(voucher.index), maxPrice: BigInt(voucher.maxPrice) }
    expect(recoverVoucherSigner(domain, exact, vector.voucherSignature as unknown as Hex)).toBe(terms.signer)
    const [first, last, total] = [BigInt(batch.first), BigInt(batch.last), BigInt(batch.total)]
    const signed = { ...batch, first, last, total }
    const registry = vector.registry as unknown as Hex
    const signature = vector.batchSignature as unknown as Hex
    expect(recoverBatchSigner({ chainId, registry }, signed, signature)).toBe(vector.receiptKey)
    for (const { receiptId, index, price, leaf, proof } of entries) {
      const entry = { receiptId, index: BigInt(index), price: BigInt(price) }
      expect(batchLeaf(entry)).toBe(leaf)
      expect(isInBatch(batch.root, entry, proof)).toBe(true)
      expect(isInBatch(batch.root, { ...entry, price: entry.price + 1n }, proof)).toBe(false)
    }
  })
})

/** A vector's parts as JSON has them: integers are numbers or texts. */
type Parsed = {
  terms: ReservationTerms
  voucher: Voucher
  entries: (BatchEntry & { leaf: Hex; proof: Hex[] })[]
  batch: Batch
}

describe('receipts', () => {
  test.each(load('receipts'))('%s', (_, vector: Record<string, never>) => {
    const receipt = parseReceipt(Object.fromEntries(FIELDS.map(field => [field, vector[field]])), 'receipt')
    const domain = { chainId: BigInt(vector.chainId ?? 0), registry: vector.registry as unknown as Hex }
    expect(receiptId(domain, receipt)).toBe(vector.digest)
    const signed = codeOf(() => recoverSigner(domain, receipt, vector.signature as unknown as Hex))
    expect(signed === vector.signer).toBe(vector.valid)
    if (!vector.valid) return
    expect(receipt).toMatchObject(hashesOf(vector))
    const { signer, tlsKeyHash, hpkeKey } = vector as Record<string, never>
    const identity = {
      version: 1,
      receiptKey: signer,
      tlsKeyHash,
      hpkeKey,
      configHash: receipt.configHash,
    } as never
    expect(userData(identity)).toBe(vector.userData)
  })
})

test('verification of each receipt fails where its vector says, and the vectors cover every change', () => {
  const cases = receiptCases()
  expect(
    Object.keys(cases)
      .map(name => `${name}.json`)
      .sort(),
  ).toEqual(
    load('receipts')
      .map(([name]) => name)
      .sort(),
  )
  for (const [name, vector] of load('receipts') as [string, { failing?: string[] }][]) {
    const bundle = cases[name.slice(0, -5)] as ReceiptBundle
    const failing = verifyReceipt(bundle, policy, { time: NOW }).checks.filter(check => !check.ok)
    expect(
      failing.map(check => check.name),
      name,
    ).toEqual(vector.failing)
  }
})

describe('evidence', () => {
  test.each(load('evidence'))('%s', (_, vector) => {
    const { evidence, root, nonce, time, maxAge } = vector
    const verdict = verifySimulated(fromHex(evidence ?? ''), {
      root: fromHex(root ?? ''),
      nonce: fromHex(nonce ?? ''),
      time: BigInt(time ?? 0),
      maxAge: maxAge ?? 0,
    })
    expect(verdict.checks.find(check => !check.ok)?.name ?? '').toBe(vector.failing)
    expect(verdict.ok).toBe(vector.valid)
    expect(verdict.attestation !== undefined).toBe(vector.valid)
    if (verdict.attestation) expect(verdict.attestation.userData).toBe(vector.userData)
  })
})

describe('bundles', () => {
  test.each(load('bundles'))('%s', (_, vector) => {
    const bundle = parseBundle(vector.bundle)
    const result = verifyReceipt(bundle, vector.policy as unknown as Policy, {
      time: BigInt(vector.time ?? 0),
    })
    expect(result.checks.filter(check => !check.ok).map(check => check.name)).toEqual(vector.failing)
  })
})

describe('sealed', () => {
  test.each(load('sealed'))('%s', async (_, raw) => {
    const vector = raw as unknown as SealedVector
    const { body, request, answer, pieces, head, hpkeKey, error } = vector
    const recipient = await deriveRecipient(fromHex(vector.recipientMaterial))
    expect(recipient.hpkeKey).toBe(hpkeKey)
    const opened = await codeOfAsync(() =>
      openRequest({ ...vector, recipient, sealed: fromHex(request) }).then(one => toHex(one.body)),
    )
    const sealed = await sealRequest({
      ...vector,
      body: fromHex(body),
      ephemeral: fromHex(vector.ephemeralMaterial),
    })
    if (error && opened !== body) return expect(opened).toBe(error)
    expect(opened).toBe(body)
    expect(toHex(sealed.body)).toBe(request)
    const read = await codeOfAsync(() => readAnswer(sealed, fromHex(answer)))
    const plain = toHex(Uint8Array.from(pieces.flatMap(piece => [...fromHex(piece)])))
    expect(read).toEqual(error ?? { ...head, body: plain })
  })
})

async function readAnswer({ openAnswer }: SealedRequest, answer: Uint8Array): Promise<unknown> {
  const { status, headers, body } = await openAnswer([answer])
  const bytes: number[] = []
  for await (const piece of body) for (const byte of piece) bytes.push(byte)
  return { status, headers, body: toHex(Uint8Array.from(bytes)) }
}

function hashesOf(vector: Record<string, never>): Record<string, Hex> {
  const { chainId, registry, origin, relay, consumer, nonce, clientNonce, operator, releaseId } = vector
  const chain = BigInt(chainId ?? 0)
  const asked =
    origin === 'relay'
      ? { type: 'relay', relay, consumer, nonce: BigInt(nonce ?? 0) }
      : { type: 'client', nonce: clientNonce }
  const { maxInput, maxOutput, engine, seed, units, price, token, outputLimit } = vector
  return {
    requestId: requestId(chain, asked as never),
    configHash: configHash({
      version: 1,
      chainId: chain,
      registry,
      operator,
      releaseId,
      maxInput,
      maxOutput,
    } as never),
    parametersHash: parametersHash({ engine: engine as never, seed: BigInt(seed ?? 0) }),
    usageHash: usageHash({
      units: BigInt(units ?? 0),
      price: BigInt(price ?? 0),
      token: token as never,
      maxOutput: Number(outputLimit),
    }),
    inputHash: keccak256(fromHex(vector.input as never)),
    outputHash: keccak256(fromHex(vector.output as never)),
  }
}

function codeOf(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return error instanceof NacreError ? error.code : error
  }
}

async function codeOfAsync(run: () => Promise<unknown>): Promise<unknown> {
  try {
    return await run()
  } catch (error) {
    return error instanceof NacreError ? error.code : error
  }
}
