import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeModel } from '@nacre/proofs/zk/graph/model'
import type { Sample } from '@nacre/proofs/zk/graph/samples'
import { developmentSetup } from '@nacre/proofs/zk/groth16/developmentSetup'
import { emitCircuit } from '@nacre/proofs/zk/groth16/emit'
import { endSnarkjs } from '@nacre/proofs/zk/groth16/snarkjs'
import { registerZkKey } from '@nacre/sdk/zk/keys'
import { NO_ENCLAVE, type ZkTerms } from '@nacre/sdk/zk/request'
import { zeroAddress } from 'viem'
import { createChainWorld, DEPLOYER, FEE } from './chainWorld.ts'

/** A chain that verifies proofs of a small network, and an operator that is staked to make them. */
export type ZkWorld = Awaited<ReturnType<typeof createZkWorld>>

export async function createZkWorld({ graph, weights }: Sample) {
  const world = await createChainWorld()
  const { dir, client, walletOf, deployment, chain } = world
  const files = await setup()
  const wallet = walletOf(DEPLOYER)
  const { zkVerifiers } = deployment
  const { artifact } = await registerZkKey({ client, wallet, zkVerifiers, keyFile: files.keyFile })
  await world.stake(NO_ENCLAVE.releaseId, NO_ENCLAVE.assurance)
  await world.announce(artifact)

  /** Its keys are of a development setup: whoever made them can forge. */
  async function setup() {
    const at = (ending: string) => join(dir, `model.${ending}`)
    const files = { container: at('nzkm'), provingKey: at('zkey'), verifyingKey: at('nzkg') }
    const { zkey, key: keyFile } = await developmentSetup(emitCircuit(graph, weights))
    await endSnarkjs()
    const scales = new Float64Array(graph.nodes.length + 1).fill(1)
    writeFileSync(files.container, encodeModel({ graph, weights, scales }))
    writeFileSync(files.provingKey, zkey)
    writeFileSync(files.verifyingKey, keyFile)
    return { ...files, keyFile }
  }

  async function terms(changes: Partial<ZkTerms> = {}): Promise<ZkTerms> {
    const { timestamp, baseFeePerGas } = await chain.getBlock()
    return {
      feeToken: zeroAddress,
      fee: FEE,
      maxOutput: 1_024,
      callbackGas: 100_000,
      maxGasPrice: (baseFeePerGas ?? 0n) * 10n + 10n ** 9n,
      deadline: timestamp + 600n,
      ...changes,
    }
  }
  const { container, provingKey, verifyingKey, keyFile } = files
  const zk = [{ container, provingKey, verifyingKey }]
  return { ...world, artifact, keyFile, terms, config: { ...world.config, zk } }
}
