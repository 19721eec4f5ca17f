import { isAbsolute } from 'node:path'
import { z } from 'zod'

const path = z.string().refine(isAbsolute, 'must be an absolute path')

/** `zk` of the agent's configuration, networks that it proves: docs/operating.md, Proofs on chain. */
export const zkConfig = z
  .array(
    z.strictObject({
      /** The network: .nzkm, `nacre zk compile`. */
      container: path,
      /** What its proofs are made with: .zkey, of a setup. */
      provingKey: path,
      /** What the chain verifies them by: .nzkg, of the same setup. */
      verifyingKey: path,
    }),
  )
  .max(64)

export type ZkConfig = z.infer<typeof zkConfig>
