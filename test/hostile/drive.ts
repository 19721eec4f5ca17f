import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Attack } from './attack.ts'
import type { BootMachine, Machine } from './boot.ts'
import { begin, check, type Honest, isAttested } from './honest.ts'
import type { StartAttack } from './linkAttacks.ts'
import { endsWithin, memoryOf, nonce, SECRET, type Target } from './target.ts'

/** A machine that was attacked while it boots has to come as far as to notice, on a busy machine in minutes. */
const ENDS_MS = 180_000

/** What an attack left open may be open for a while: on a slow machine for as long as the channel waits for a body. */
const RECOVERS_MS = 60_000
const mayEnd = ({ outcome }: Attack): boolean => outcome === 'answers or ends'
const survives = (attack: Attack): boolean => attack.outcome === 'answers' || mayEnd(attack)

/**
 * Attacks after which an enclave answers as before, one after the other on one. Those that it may end of come last, each
 * on one of its own: the bounds that they reach may end it later, too.
 */
export function surviveAll(open: () => Promise<Target>, attacks: Attack[]): void {
  let target: Target
  let honest: Honest
  const start = async () => {
    target = await open()
    honest = await begin(target)
  }
  beforeAll(start)
  afterAll(() => target?.close())
  const ordered = attacks.filter(survives).sort((a, b) => Number(mayEnd(a)) - Number(mayEnd(b)))
  let endangered = false
  test.each(ordered.map(one => [one.by, one.name, one] as const))('%s, %s', async (_, __, attack) => {
    if (endangered) {
      await target.close()
      await start()
    }
    endangered = mayEnd(attack)
    await attack.run(target, honest)
    const ended = () => endangered && target.guest?.session.destroyed === true
    await recovers(target, honest, ended)
    if (ended()) await hasEnded(target)
  })
}

/** Its bounds refuse honest calls too as long as they are reached, and no longer. One that has ended is not waited for. */
async function recovers(target: Target, honest: Honest, ended: () => boolean): Promise<void> {
  for (const end = performance.now() + RECOVERS_MS; ; await sleep(500)) {
    try {
      return await check(target, honest)
    } catch (error) {
      const busy = ['busy', 'unreachable', 'timeout'].includes((error as { code?: string }).code ?? '')
      if (ended()) return
      if (!busy || performance.now() > end) throw error
    }
  }
}

/** Attacks that leave less than the whole of an enclave: each has one of its own. */
export function loseOne(open: () => Promise<Target>, attacks: Attack[]): void {
  test.each(attacks.filter(one => !survives(one)).map(one => [one.by, one.name, one.outcome, one] as const))(
    '%s, %s: it %s',
    async (_, __, outcome, attack) => {
      const target = await open()
      try {
        const honest = await begin(target)
        await attack.run(target, honest)
        if (outcome === 'ends') await hasEnded(target)
        else {
          await check(target, honest, 'lost')
          expect(await isAttested(target)).toBe(false)
        }
        expect(target.said.join('\n')).not.toContain(SECRET)
      } finally {
        await target.close()
      }
    },
  )
}

async function hasEnded(target: Target): Promise<void> {
  expect(await endsWithin(target, ENDS_MS)).toBe(true)
  await expect(target.client.attest(nonce())).rejects.toThrow()
}

/** Attacks on a guest that was not started: no program says that it is ready, whatever is done. */
export function startNothing(boot: BootMachine, attacks: StartAttack[]): void {
  describe('before the start', () => {
    test.each(attacks.map(one => [one.name, one.outcome, one] as const))(
      '%s: it %s',
      async (_, outcome, attack) => {
        const machine: Machine = await boot()
        try {
          await attack.run(machine)
          if (outcome === 'ends') expect(await endsWithin(machine, ENDS_MS)).toBe(true)
          else {
            await sleep(300)
            expect(memoryOf(machine.pids)).toBeGreaterThan(0)
          }
          expect(machine.said).not.toContain('enclave: ready')
          expect(machine.said.join('\n')).not.toContain(SECRET)
        } finally {
          await machine.stop()
        }
      },
    )
  })
}
