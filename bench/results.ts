import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { arch, cpus, loadavg, platform, totalmem } from 'node:os'
import { join } from 'node:path'
import { REPOSITORY } from '../cli/src/paths.ts'

/** Where the figures of the documents are. */
export const RESULTS: string = join(REPOSITORY, 'bench', 'results')

/** Writes <dir>/<name>.json: the figures, and on what machine, with which versions and when they were taken. */
export function save(name: string, result: object, dir: string): void {
  const facts = { date: new Date().toISOString(), machine: machine(), versions: versions() }
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, `${name}.json`), `${JSON.stringify({ ...result, ...facts }, undefined, 2)}\n`)
}

function machine(): object {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memory_mb: Math.round(totalmem() / 1e6),
    platform: `${platform()} ${arch()}`,
    load: loadavg().map(load => Math.round(load * 100) / 100),
  }
}

function versions(): object {
  const { packages } = JSON.parse(readFileSync(join(REPOSITORY, 'package-lock.json'), 'utf8'))
  const version = (name: string, workspace = ''): string =>
    packages[`${workspace}node_modules/${name}`]?.version ?? 'unknown'
  return {
    node: process.version,
    onnxruntime: version('onnxruntime-node'),
    llama: `@node-llama-cpp/linux-x64 ${version('@node-llama-cpp/linux-x64')}`,
    anvil: version('@foundry-rs/anvil-linux-amd64'),
    noble: version('@noble/curves', 'verify/'),
    libsecp256k1: `tiny-secp256k1 ${version('tiny-secp256k1')}`,
  }
}
