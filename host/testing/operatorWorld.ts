import { join } from 'node:path'
import { releasesAbi } from '@nacre/contracts'
import { type RelayParams, request } from '@nacre/sdk'
import {
  encodeTensor,
  type Hex,
  manifestHash,
  measurementDigest,
  type parseBundle,
  receiptId,
  releaseId,
  simulatedMeasurement,
  toHex,
} from '@nacre/verify'
import { zeroAddress } from 'viem'
import { buildImage } from '../../enclave/scripts/build.ts'
import { IMAGES, type ImageKind } from '../../enclave/scripts/images.ts'
import { loadIndex, modelPath, sampleOf } from '../../models/samples.ts'
import { createChainWorld, DEPLOYER, FEE } from './chainWorld.ts'

export { DEPLOYER, eventually, FEE } from './chainWorld.ts'

export const ARTIFACT = loadIndex().find(({ name }) => name === 'iris-ols')!.sha256
export const INPUT = toHex(encodeTensor(sampleOf('iris-ols').input))

/** A chain with contracts, a listed image and a staked operator; a database; what tests of the agent ask of them. */
export type World = Awaited<ReturnType<typeof createWorld>>

/** Starts it all for one test file, with the image of an engine. `close` ends everything and removes its folder. */
export async function createWorld(kind: ImageKind = IMAGES.onnx) {
  const chainWorld = await createChainWorld()
  const { dir, chain, client, deployment, walletOf, mined } = chainWorld
  const { release, imageDir } = await publish()
  await stake()

  async function publish() {
    const image = await buildImage(join(dir, 'image'), kind)
    const wallet = walletOf(DEPLOYER)
    const publisher = wallet.account.address.toLowerCase() as Hex
    const hash = manifestHash(image.manifest)
    const digest = measurementDigest(simulatedMeasurement(image.manifest))
    const releases = { address: deployment.releases, abi: releasesAbi } as const
    const args = [hash, [{ kind: 1, digest }]] as const
    await mined(await wallet.writeContract({ ...releases, functionName: 'list', args }))
    return { release: { publisher, manifestHash: hash }, imageDir: image.dir }
  }

  async function stake(): Promise<void> {
    await chainWorld.stake(releaseId(release.publisher, release.manifestHash), 1)
    await chainWorld.announce(ARTIFACT)
  }

  async function paramsOf(changes: Partial<RelayParams> = {}): Promise<RelayParams> {
    const { timestamp, baseFeePerGas } = await chain.getBlock()
    return {
      artifact: ARTIFACT,
      feeToken: zeroAddress,
      fee: FEE,
      maxOutput: 1_024,
      callbackGas: 100_000,
      maxGasPrice: (baseFeePerGas ?? 0n) * 10n + 10n ** 9n,
      deadline: timestamp + 600n,
      assurance: 1,
      maxEvidenceAge: 86_400,
      releases: [releaseId(release.publisher, release.manifestHash)],
      publishers: [],
      ...changes,
    }
  }

  async function ask(changes: Partial<RelayParams> = {}, bytes: Hex = INPUT): Promise<Hex> {
    const params = await paramsOf(changes)
    const { relay } = deployment
    return (await request({ client, wallet: walletOf(DEPLOYER), relay, params, input: bytes })).id
  }

  return {
    ...chainWorld,
    release,
    params: paramsOf,
    ask,
    /** The agent's configuration, as its file has it. */
    config: {
      ...chainWorld.config,
      imageDir,
      artifacts: [modelPath('iris-ols')],
      release,
      payments: { least: { [zeroAddress]: 1 }, confirmations: 0 },
    },
  }
}

/** The receipt's id. */
export function idOf(bundle: ReturnType<typeof parseBundle>): Hex {
  return receiptId({ chainId: bundle.chainId, registry: bundle.registry }, bundle.receipt)
}
