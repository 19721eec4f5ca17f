import { type Policy, toHex } from '@nacre/verify'

/** The policy, accepting also SIMULATED evidence of one development root that the caller names explicitly. */
export function withDevelopmentRoot(policy: Policy, root: Uint8Array): Policy {
  return {
    ...policy,
    assurance: [...new Set([...policy.assurance, 'simulated' as const])],
    developmentRoots: [...policy.developmentRoots, toHex(root)],
  }
}
