import { loadImage } from '@nacre/host/drivers/image'
import { beforeAll, describe } from 'vitest'
import { buildImage } from '../../enclave/scripts/build.ts'
import { bootProcesses } from './boot.ts'
import { ARTIFACT_ATTACKS, CHANNEL_ATTACKS } from './channelAttacks.ts'
import { loseOne, startNothing, surviveAll } from './drive.ts'
import { LINK_ATTACKS, START_ATTACKS } from './linkAttacks.ts'
import { MODULE_ATTACKS } from './moduleAttacks.ts'
import { startGuest } from './target.ts'

/** The guest's code without a machine: everything that a host can do to one, except to its kernel. */
let image: Awaited<ReturnType<typeof loadImage>>
beforeAll(async () => {
  image = await loadImage((await buildImage()).dir)
})
const boot = () => bootProcesses(image)
const open = async () => await startGuest(await boot())
const ATTACKS = [...CHANNEL_ATTACKS, ...ARTIFACT_ATTACKS, ...MODULE_ATTACKS, ...LINK_ATTACKS]

describe('a guest as processes', () => {
  describe('answers as before', () => surviveAll(open, ATTACKS))
  describe('loses what was broken, and tells no lie', () => loseOne(open, ATTACKS))
  startNothing(boot, START_ATTACKS)
})
