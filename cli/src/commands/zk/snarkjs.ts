import { endSnarkjs } from '@nacre/proofs/zk/groth16/snarkjs'
import { say } from './told.ts'

/**
 * Runs what uses snarkjs, which prints to standard output, where a result of --json belongs, and keeps workers that would
 * not let this process end.
 */
export async function withSnarkjs<T>(action: () => Promise<T>): Promise<T> {
  const { log } = console
  console.log = (...words) => say(words.join(' '))
  try {
    return await action()
  } finally {
    console.log = log
    // Without it nothing was started, and why it is not there was said.
    await endSnarkjs().catch(() => {})
  }
}
