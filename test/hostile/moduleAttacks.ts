import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeCbor } from '@nacre/verify'
import { expect } from 'vitest'
import type { Attack } from './attack.ts'
import { isAttested } from './honest.ts'
import { frame, type HostModule, SECRET, type Target } from './target.ts'

type Answer = HostModule['answer']

/** While the module answers like this there is no evidence that a verifier takes. */
async function without(target: Target, answer: Answer): Promise<void> {
  const module = target.guest!.module
  const honest = module.answer
  module.answer = answer
  expect(await isAttested(target)).toBe(false)
  module.answer = honest
}

const attack = (name: string, answer: Answer, outcome: Attack['outcome'] = 'answers'): Attack => ({
  by: 'module',
  name,
  outcome,
  run: target => without(target, answer),
})

const document = (bytes: Uint8Array) => encodeCbor(new Map([['Attestation', new Map([['document', bytes]])]]))

/** What a security module, which with these drivers is the host's, answers. */
export const MODULE_ATTACKS: Attack[] = [
  attack('garbage: no CBOR', (_, to) => void to.write(frame(randomBytes(1000)))),
  attack('garbage: a document of nothing', (_, to) => void to.write(frame(document(new Uint8Array(0))))),
  attack('garbage: a document of text', (_, to) => void to.write(frame(document(Buffer.from(SECRET))))),
  attack(
    'garbage: an error of its own',
    (_, to) => void to.write(frame(encodeCbor(new Map([['Error', 'no such luck']])))),
  ),
  attack('garbage: an answer of no bytes', (_, to) => void to.write(frame(new Uint8Array(0)))),
  {
    ...attack('replay: the document of another request', () => {}),
    async run(target) {
      let earlier: Uint8Array | undefined
      const { module } = target.guest!
      const honest = module.answer
      module.answer = (request, to) => {
        earlier = module.honest(request)
        to.write(earlier)
      }
      expect(await isAttested(target)).toBe(true)
      module.answer = honest
      await without(target, (_, to) => void to.write(earlier))
    },
  },
  {
    ...attack('delay: an answer that comes when nobody waits any more', () => {}),
    async run(target) {
      let late = () => {}
      await without(target, (request, to) => {
        late = () => void to.write(target.guest!.module.honest(request))
      })
      late()
      await sleep(100)
    },
  },
  {
    ...attack('delay: a byte at a time', () => {}),
    async run(target) {
      const { module } = target.guest!
      const honest = module.answer
      module.answer = async (request, to) => {
        const bytes = module.honest(request)
        for (let at = 0; at < bytes.length; at += 512) {
          to.write(bytes.subarray(at, at + 512))
          await sleep(1)
        }
      }
      expect(await isAttested(target)).toBe(true)
      module.answer = honest
    },
  },
  attack(
    'oversize: an answer over the bound',
    (_, to) => void to.write(frame(new Uint8Array(12_289))),
    'answers without evidence',
  ),
  attack(
    'flood: answers that nobody asked for',
    (request, to) => {
      for (let i = 0; i < 2000; i++) to.write(frame(document(randomBytes(1000))))
      void request
    },
    'answers without evidence',
  ),
  attack(
    'truncation: half an answer, and the end',
    (_, to) => void to.end(Buffer.of(0, 0, 9)),
    'answers without evidence',
  ),
]
