import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT_NAME } from '@nacre/verify/attest/simulated'
import { issueCertificate } from './certificate.ts'

/** The simulator's authority. Whoever holds the key can attest anything: it is for development, and says so. */
export type SimulatedRoot = { key: KeyObject; certificate: Uint8Array }

const ROOT_YEARS = 10
const KEY_FILE = 'simulated-root.key.pem'
const CERTIFICATE_FILE = 'simulated-root.der'

/** A fresh P-256 root, valid from a minute ago for ten years. */
export function createRoot(now: Date = new Date()): SimulatedRoot {
  return certify(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, now)
}

/**
 * The root kept in a state folder (`simulated-root.key.pem`, 0600, and `simulated-root.der`), made on first use.
 * @throws Error when a file is there but the two do not belong together
 */
export async function loadRoot(dir: string): Promise<SimulatedRoot> {
  await mkdir(dir, { recursive: true })
  const pem = await readIfThere(join(dir, KEY_FILE))
  if (!pem) return await saveRoot(dir, createRoot())
  const root = {
    key: createPrivateKey(pem),
    certificate: new Uint8Array(await readFile(join(dir, CERTIFICATE_FILE))),
  }
  if (!new X509Certificate(root.certificate).checkPrivateKey(root.key)) throw mismatch(dir)
  return root
}

function certify(key: KeyObject, now: Date): SimulatedRoot {
  const notBefore = new Date(now.getTime() - 60_000)
  const notAfter = new Date(notBefore)
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + ROOT_YEARS)
  const certificate = issueCertificate(
    {
      serial: serialNumber(),
      issuer: ROOT_NAME,
      subject: ROOT_NAME,
      notBefore,
      notAfter,
      publicKey: createPublicKey(key),
      ca: true,
    },
    key,
  )
  return { key, certificate }
}

/** 64 random bits, positive and never zero (RFC 5280, 4.1.2.2). */
export function serialNumber(): Uint8Array {
  const serial = randomBytes(8)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  return serial
}

/** The certificate first: a crash between the two leaves a folder that the next start completes. */
async function saveRoot(dir: string, root: SimulatedRoot): Promise<SimulatedRoot> {
  await replace(join(dir, CERTIFICATE_FILE), root.certificate, 0o644)
  await replace(join(dir, KEY_FILE), root.key.export({ type: 'pkcs8', format: 'pem' }), 0o600)
  return root
}

async function replace(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const draft = `${path}.${process.pid}.new`
  await writeFile(draft, content, { mode, flag: 'wx' })
  await rename(draft, path)
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function mismatch(dir: string): Error {
  return new Error(
    `${join(dir, CERTIFICATE_FILE)} does not belong to ${KEY_FILE} beside it. ` +
      'Move both away to have a new development root; policies that pin the old one must then be changed.',
  )
}
