import { readFileSync } from 'node:fs'
import { type Deployment, parseDeployment } from '@nacre/sdk'
import { DEFAULT_POLICY, type Hex, type Policy } from '@nacre/verify'
import { statePaths } from '../cli/src/paths.ts'

/** A running development network, as a client sees it. */
export type BenchNetwork = {
  rpcUrl: string
  /** Operator 1 first. */
  operatorUrls: string[]
  releaseId: Hex
  deployment: Deployment
  /** The default policy and this release; the development root is passed apart, explicitly. */
  policy: Policy
  developmentRoot: Uint8Array
}

export function openNetwork(state: string): BenchNetwork {
  const paths = statePaths(state)
  const { rpcUrl, operators, releaseId } = JSON.parse(readFileSync(paths.network, 'utf8'))
  return {
    rpcUrl,
    operatorUrls: Object.values<string>(operators),
    releaseId,
    deployment: parseDeployment(readFileSync(paths.deployment, 'utf8')),
    policy: { ...DEFAULT_POLICY, releases: [releaseId] },
    developmentRoot: readFileSync(paths.developmentRoot),
  }
}
