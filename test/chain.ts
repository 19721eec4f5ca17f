import { startAnvil } from '@nacre/host'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** Of a development chain, for tests that also run in a browser, which cannot start one. */
    rpcUrl: string
  }
}

/** Starts one chain for all test files of a run; `inject('rpcUrl')` is where it is. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const chain = await startAnvil()
  project.provide('rpcUrl', chain.rpcUrl)
  return () => chain.stop()
}
