import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CborValue, decodeCbor, encodeCbor } from '@nacre/verify'
import { decodeSign1 } from '@nacre/verify/attest/cose'
import { decodeDocument } from '@nacre/verify/attest/document'
import { verifySimulated } from '@nacre/verify/attest/simulated'
import { parseCertificate } from '@nacre/verify/attest/x509'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createModule } from './module.ts'
import { createRoot, loadRoot } from './root.ts'
import { answerTo, serveNsm } from './server.ts'

const NAME = 'SIMULATED-NOT-FOR-PRODUCTION'
const HALF_ORDER = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n
const pcrs = [1, 2, 3].map(byte => new Uint8Array(48).fill(byte))
const userData = new Uint8Array(32).fill(4)
const nonce = new Uint8Array(32).fill(5)
const root = createRoot()
const now = Date.now()

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nacre-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const moduleAt = (clock: () => number) => createModule({ root, pcrs, moduleId: 'simulated-test', clock })
const documentOf = (evidence: Uint8Array) => decodeDocument(decodeSign1(evidence, 8192).payload)
const seconds = (ms: number) => BigInt(Math.floor(ms / 1000))

describe('root', () => {
  test('is made once, kept for its owner alone, and found again', async () => {
    const made = await loadRoot(dir)
    const found = await loadRoot(dir)
    expect(found.certificate).toEqual(made.certificate)
    expect(found.key.equals(made.key)).toBe(true)
    expect((await stat(join(dir, 'simulated-root.key.pem'))).mode & 0o777).toBe(0o600)
    expect(new Uint8Array(await readFile(join(dir, 'simulated-root.der')))).toEqual(made.certificate)
  })

  test('is refused when key and certificate do not belong together', async () => {
    await loadRoot(dir)
    await writeFile(join(dir, 'simulated-root.der'), createRoot().certificate)
    await expect(loadRoot(dir)).rejects.toThrow(/does not belong/)
  })

  test('is a certificate that OpenSSL and verify read alike, and says what it is', () => {
    const openssl = new X509Certificate(root.certificate)
    const parsed = parseCertificate(root.certificate)
    expect(openssl.subject).toBe(`CN=${NAME}`)
    expect(parsed).toMatchObject({ commonName: NAME, isAuthority: true, mayCertify: true, maySign: false })
    expect(openssl.ca && openssl.verify(openssl.publicKey)).toBe(true)
    expect(seconds(openssl.validToDate.getTime())).toBe(parsed.notAfter)
  })

  test('is valid beyond 2049, where the time has another form', () => {
    const late = createRoot(new Date('2045-06-01T00:00:00Z'))
    expect(new X509Certificate(late.certificate).validToDate.getUTCFullYear()).toBe(2055)
    expect(parseCertificate(late.certificate).notAfter).toBe(seconds(Date.parse('2055-05-31T23:59:00Z')))
  })
})

describe('documents', () => {
  test('verify, and say what was measured', () => {
    const evidence = moduleAt(() => now).attest(userData, nonce)
    const verdict = verifySimulated(evidence, {
      root: root.certificate,
      time: seconds(now),
      nonce,
      maxAge: 60,
    })
    expect(verdict.checks.filter(check => !check.ok)).toEqual([])
    expect(verdict.attestation?.measurement.registers).toEqual(pcrs)
    expect(documentOf(evidence).pcrs.slice(3)).toEqual(Array(13).fill(new Uint8Array(48)))
  })

  test('do not verify under another root', () => {
    const evidence = moduleAt(() => now).attest(userData, nonce)
    const options = { root: createRoot().certificate, time: seconds(now), maxAge: 60 }
    expect(verifySimulated(evidence, options).ok).toBe(false)
  })

  test('have low-s signatures, and so have the certificates', () => {
    for (let i = 0; i < 16; i++) {
      const evidence = moduleAt(() => now).attest(userData, nonce)
      const { signature } = decodeSign1(evidence, 8192)
      const leaf = parseCertificate(documentOf(evidence).certificate)
      for (const bytes of [signature, leaf.signature]) {
        expect(BigInt(`0x${Buffer.from(bytes.subarray(32)).toString('hex')}`)).toBeLessThanOrEqual(HALF_ORDER)
      }
    }
  })

  test('use one leaf for almost three hours, then another', () => {
    let clock = now
    const module = moduleAt(() => clock)
    const first = documentOf(module.attest(userData, nonce)).certificate
    clock += 2 * 3_600_000
    expect(documentOf(module.attest(userData, nonce)).certificate).toEqual(first)
    clock += 50 * 60_000
    const second = module.attest(userData, nonce)
    expect(documentOf(second).certificate).not.toEqual(first)
    const verdict = verifySimulated(second, { root: root.certificate, time: seconds(clock), maxAge: 60 })
    expect(verdict.ok).toBe(true)
  })
})

describe('requests', () => {
  const module = moduleAt(() => now)
  const answer = (request: CborValue) => answerTo(module, encodeCbor(request))
  const attestation = (fields: Record<string, CborValue>) =>
    new Map([
      ['Attestation', new Map(Object.entries({ user_data: userData, nonce, public_key: null, ...fields }))],
    ])

  test('DescribeNSM and GetRandom', () => {
    const described = answer('DescribeNSM') as Map<string, Map<string, CborValue>>
    expect(described.get('DescribeNSM')?.get('module_id')).toBe('simulated-test')
    const random = answer('GetRandom') as Map<string, Map<string, Uint8Array>>
    expect(random.get('GetRandom')?.get('random')).toHaveLength(256)
  })

  const refused: [string, CborValue, string][] = [
    ['an unknown operation', 'ExtendPCR', 'InvalidOperation'],
    [
      'two operations',
      new Map<string, CborValue>([
        ['Attestation', new Map()],
        ['GetRandom', null],
      ]),
      'InvalidOperation',
    ],
    ['an attestation that is no map', new Map([['Attestation', 1]]), 'InvalidArgument'],
    ['an unknown field', attestation({ extra: 1 }), 'InvalidArgument'],
    ['a short user data', attestation({ user_data: new Uint8Array(31) }), 'InvalidArgument'],
    ['no nonce', attestation({ nonce: null }), 'InvalidArgument'],
    ['a long nonce', attestation({ nonce: new Uint8Array(65) }), 'InvalidArgument'],
    ['a public key', attestation({ public_key: new Uint8Array(32) }), 'InvalidArgument'],
  ]
  test.each(refused)('%s is refused', (_, request, error) => {
    expect(answer(request)).toEqual(new Map([['Error', error]]))
  })

  test('bytes that are no CBOR are refused', () => {
    expect(answerTo(module, Uint8Array.of(0xff))).toEqual(new Map([['Error', 'InvalidArgument']]))
  })

  test('several frames at once are answered in order; whoever reads no answer is cut off', async () => {
    const socket = join(dir, 'nsm.sock')
    const server = await serveNsm({ socket, root, pcrs, moduleId: 'simulated-test' })
    const frame = (content: Uint8Array) => Buffer.concat([Buffer.of(0, 0, 0, content.length), content])
    try {
      const client = connect(socket)
      client.write(Buffer.concat([frame(new Uint8Array(0)), frame(encodeCbor('DescribeNSM'))]))
      let received = Buffer.alloc(0)
      while (!received.includes('simulated-test')) {
        const [chunk] = (await once(client, 'data')) as [Buffer]
        received = Buffer.concat([received, chunk])
      }
      const first = decodeCbor(new Uint8Array(received.subarray(4, 4 + received.readUInt32BE(0))))
      expect(first).toEqual(new Map([['Error', 'InvalidArgument']]))
      client.pause()
      const flood = frame(encodeCbor('GetRandom'))
      const closed = new Promise(resolve => client.on('error', () => {}).on('close', resolve))
      client.write(Buffer.concat(Array<Buffer>(5000).fill(flood)))
      await closed
    } finally {
      await server.close()
    }
  })

  test('frames may come in pieces; one that is too long ends the connection', async () => {
    const socket = join(dir, 'nsm.sock')
    const server = await serveNsm({ socket, root, pcrs, moduleId: 'simulated-test' })
    try {
      const client = connect(socket)
      const request = Buffer.concat([Buffer.of(0, 0, 0, 12), encodeCbor('DescribeNSM')])
      for (const byte of request) client.write(Buffer.of(byte))
      const [reply] = (await once(client, 'data')) as [Buffer]
      expect(decodeCbor(new Uint8Array(reply.subarray(4)))).toBeInstanceOf(Map)
      client.write(Buffer.of(0, 0, 0x10, 1))
      client.on('error', () => {}) // a reset is a way to end it too
      await new Promise(resolve => client.once('close', resolve))
    } finally {
      await server.close()
    }
  })
})
