import type { Honest } from './honest.ts'
import type { Target } from './target.ts'

/** Something that a host, or whoever it lets, does to an enclave. */
export type Attack = {
  by: 'channel' | 'artifact' | 'module' | 'link' | 'start'
  name: string
  /**
   * What is left of the enclave: it `answers` as before; or it answers and has no evidence any more, for the host broke
   * the way to its security module; or it `ends`, and with it its key. With `answers or ends` the bounds of HTTP/2
   * decide, which count by the speed of the machine.
   */
  outcome: 'answers' | 'answers or ends' | 'answers without evidence' | 'ends'
  run(target: Target, honest: Honest): Promise<void>
}
