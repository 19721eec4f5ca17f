import { loadImage } from '@nacre/host/drivers/image'
import { beforeAll, describe } from 'vitest'
import { bootMachine } from '../hostile/boot.ts'
import { ARTIFACT_ATTACKS, CHANNEL_ATTACKS } from '../hostile/channelAttacks.ts'
import { loseOne, startNothing, surviveAll } from '../hostile/drive.ts'
import { LINK_ATTACKS, START_ATTACKS } from '../hostile/linkAttacks.ts'
import { MODULE_ATTACKS } from '../hostile/moduleAttacks.ts'
import { startGuest } from '../hostile/target.ts'
import { releaseDir } from './machine.ts'

/**
 * The attacks of test/hostile on a machine, where an emulated processor makes each slow. The guest's programs meet all of
 * them as processes in every run (test/hostile/processes.test.ts); here one machine meets those on its module and its link,
 * and of those that it does not survive, and of those before its start, another meets one each. The long run has them all.
 */
const LONG = process.env.NACRE_LONG === '1'
let image: Awaited<ReturnType<typeof loadImage>>
beforeAll(async () => {
  image = await loadImage(releaseDir())
})
const boot = () => bootMachine(image)
const open = async () => await startGuest(await boot())
const ALL = [...CHANNEL_ATTACKS, ...ARTIFACT_ATTACKS, ...MODULE_ATTACKS, ...LINK_ATTACKS]
const SLOWEST = 'flood: connections that are reset at once'
const SHORT = [...MODULE_ATTACKS, ...LINK_ATTACKS.filter(({ name }) => name !== SLOWEST)]
const ATTACKS = LONG ? ALL : SHORT

const MACHINES = ['truncation: the end, in the middle of an answer', 'flood: pings that are not read']
if (LONG)
  MACHINES.push('flood: answers that nobody asked for', 'truncation: options, and the end of the link')
const named = <T extends { name: string }>(attacks: T[]): T[] =>
  attacks.filter(({ name }) => MACHINES.includes(name))

describe('a machine', () => {
  describe('answers as before', () => surviveAll(open, ATTACKS))
  describe('loses what was broken, and tells no lie', () => loseOne(open, named(ATTACKS)))
  startNothing(boot, named(START_ATTACKS))
})
