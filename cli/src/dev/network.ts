import type { Deployment } from '@nacre/sdk'
import type { Hex } from '@nacre/verify'
import type { PublicClient } from 'viem'
import type { Model } from '../catalog.ts'
import type { StatePaths } from '../paths.ts'

/** A running development network, as the main job and `nacre request` use it. */
export type Network = {
  paths: StatePaths
  client: PublicClient
  rpcUrl: string
  operatorUrl: string
  deployment: Deployment
  releaseId: Hex
  catalog: Model[]
}
