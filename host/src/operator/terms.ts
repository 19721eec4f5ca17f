import type { Head } from '../chain/watcher.ts'
import { describeError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import type { Serving } from './enclaves.ts'
import type { InferenceConfig } from './inferenceConfig.ts'

/** Tells the serving enclave what its answers are bound to and cost. */
export type Terms = {
  /** An enclave serves, or there is a new block. One that comes while another is told waits; the newest is told. */
  look(): void
  /** Resolves when terms were told for the first time. */
  told: Promise<void>
}

export function createTerms(options: {
  common: Pick<Common<unknown>, 'logger'>
  prices: InferenceConfig['prices']
  enclave: () => Serving | undefined
  head: () => Head | undefined
}): Terms {
  const told = Promise.withResolvers<void>()
  let telling = false
  let again = false

  async function tell(): Promise<void> {
    const [enclave, head] = [options.enclave(), options.head()]
    if (!enclave || !head) return
    const anchor = { number: head.number, hash: head.hash }
    await enclave.setTerms({ anchor, prices: options.prices })
    told.resolve()
  }

  function look(): void {
    again = telling
    if (telling) return
    telling = true
    tell()
      // The next block tries again.
      .catch(error => options.common.logger.warn(describeError(error), 'the enclave was not told its terms'))
      .finally(() => {
        telling = false
        if (again) look()
      })
  }
  return { look, told: told.promise }
}
