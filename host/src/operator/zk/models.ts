import { readFile } from 'node:fs/promises'
import type { Graph } from '@nacre/proofs/zk'
import { decodeModel } from '@nacre/proofs/zk/graph/model'
import { decodeInput, inputHashOf } from '@nacre/proofs/zk/groth16/input'
import { countsOn, decodeKey } from '@nacre/proofs/zk/groth16/key'
import { fromHex, messageOf, sha256 } from '@nacre/verify'
import type { Hex } from 'viem'
import { FatalError } from '../../common/errors.ts'
import type { ZkConfig } from './config.ts'

/** A network that is proven here. */
export type ZkModel = {
  /** SHA-256 of the verifying key's file: what requests name. */
  artifact: Hex
  graph: Graph
  files: ZkConfig[number]
}

/** Throws CONFIG_INVALID for files that cannot be read, are none of theirs, or have no place on this chain. */
export async function readZkModels(config: ZkConfig, chainId: number): Promise<ZkModel[]> {
  const models: ZkModel[] = []
  for (const files of config) models.push(await readModel(files, chainId))
  return models
}

async function readModel(files: ZkConfig[number], chainId: number): Promise<ZkModel> {
  const graph = await read(files.container, 'a network', bytes => decodeModel(bytes).graph)
  const { artifact, key } = await read(files.verifyingKey, 'a verifying key', bytes => ({
    artifact: sha256(bytes),
    key: decodeKey(bytes),
  }))
  if (!countsOn(key, chainId))
    throw new FatalError('CONFIG_INVALID', `${files.verifyingKey} is of a development setup.`, {
      why: `Who made it can forge proofs: it counts on chain 31337 alone.`,
      fix: 'Use the keys of a ceremony: docs/cli.md, nacre zk setup.',
    })
  return { artifact, graph, files }
}

async function read<T>(file: string, what: string, decode: (bytes: Uint8Array) => T): Promise<T> {
  try {
    return decode(await readFile(file))
  } catch (cause) {
    throw new FatalError('CONFIG_INVALID', `${file} is not ${what} that can be used.`, {
      why: messageOf(cause),
      fix: 'Name the files of one model in zk: docs/operating.md, Proofs on chain.',
      cause,
    })
  }
}

/**
 * Why these bytes are not the input that a request's hash stands for; undefined when they are. Whoever accepts a request
 * whose input has another commitment can never answer it, and is slashed.
 */
export function refusalOf({ graph }: ZkModel, input: Hex, inputHash: Hex): string | undefined {
  try {
    const own = inputHashOf(graph, decodeInput(graph, fromHex(input)))
    return own === inputHash ? undefined : `its commitment is ${own}`
  } catch (error) {
    return messageOf(error)
  }
}
