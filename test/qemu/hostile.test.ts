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
 * The attacks of test/hostile on a machine: on one that boots once, all that it survives; of those that it does not, and
 * of those before its start, one each, and in the long run one of each kind, for each boots another.
 */
let image: Awaited<ReturnType<typeof loadImage>>
beforeAll(async () => {
  image = await loadImage(releaseDir())
})
const boot = () => bootMachine(image)
const open = async () => await startGuest(await boot())
const ATTACKS = [...CHANNEL_ATTACKS, ...ARTIFACT_ATTACKS, ...MODULE_ATTACKS, ...LINK_ATTACKS]

const MACHINES = ['truncation: the end, in the middle of an answer', 'flood: pings that are not read']
if (process.env.NACRE_LONG === '1')
  MACHINES.push('flood: answers that nobody asked for', 'truncation: options, and the end of the link')
const named = <T extends { name: string }>(attacks: T[]): T[] =>
  attacks.filter(({ name }) => MACHINES.includes(name))

describe('a machine', () => {
  describe('answers as before', () => surviveAll(open, ATTACKS))
  describe('loses what was broken, and tells no lie', () => loseOne(open, named(ATTACKS)))
  startNothing(boot, named(START_ATTACKS))
})
