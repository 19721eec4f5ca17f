/** An enclave of the stand-in machine: `DIR CID PCR0 PCR1 PCR2`. Its first connection is its link; it ends with it. */
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fromHex, type Hex } from '@nacre/verify'
import { nitroModule, serveGuest } from '../guestSide.ts'
import { AUTHORITY } from './authority.ts'
import { behaviourOf, portOf } from './machine.ts'

const [dir = '', cid, ...registers] = process.argv.slice(2)
const { run } = behaviourOf(dir)
if (run === 'deaf') await sleep(600_000)
const folder = mkdtempSync(join(dir, 'guest-'))
const nsm = nitroModule(
  AUTHORITY,
  registers.map(register => fromHex(register as Hex)),
)
const listener = createServer(async link => {
  listener.close()
  await serveGuest(link, folder, { nsm }, run === 'silent' ? 'enclave: starting' : undefined)
  if (run === 'stays') await sleep(600_000)
  process.exit()
}).listen(portOf(dir, Number(cid)))
