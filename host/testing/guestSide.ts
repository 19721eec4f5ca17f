import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type Duplex, PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { decodeCbor, encodeCbor } from '@nacre/verify'
import type { TsmOptions } from '../../enclave/src/attest/tsm.ts'
import { createChannel } from '../../enclave/src/channel.ts'
import { readStartOptions } from '../../enclave/src/config.ts'
import { ENGINE } from '../../enclave/src/engineName.ts'
import { serveLink } from '../../enclave/src/guest/linkServer.ts'
import { type ModuleCall, serveModule } from '../../enclave/src/guest/moduleServer.ts'
import { forOneIdentity } from '../../enclave/src/guest/oneIdentity.ts'
import { createService } from '../../enclave/src/service.ts'
import type { NitroAuthority } from '../../test/mock-authority/index.ts'

/** What a machine has that makes its guest's evidence. */
export type GuestPlatform = { nsm?: ModuleCall; tsm?: TsmOptions }

const PROGRAM = fileURLToPath(new URL('../../enclave/src/main.ts', import.meta.url))

/**
 * What a guest does behind its end of the link, as a process without a machine around it: the link's and the enclave's
 * own code, on a platform that behaves as the real one. Settles when the link ends. `says` is what the program says.
 */
export async function serveGuest(
  link: Duplex,
  folder: string,
  { nsm, tsm = { folder: '/nowhere' } }: GuestPlatform,
  says = 'enclave: ready',
): Promise<void> {
  const sockets = { channel: join(folder, 'enclave.sock'), securityModule: join(folder, 'nsm.sock') }
  if (nsm) serveModule(sockets.securityModule, forOneIdentity(nsm))
  await serveLink(link, {
    start(json) {
      const output = new PassThrough()
      const { channel, securityModule } = sockets
      const file = join(folder, 'config.json')
      const own = { channel, ...(nsm && { securityModule }) }
      writeFileSync(file, JSON.stringify({ ...JSON.parse(json), sockets: own }))
      const service = createService(readStartOptions(file), ENGINE, PROGRAM, { tsm, dstack: '/nowhere' })
      createChannel(service, console.error).listen(channel, () => output.write(`${says}\n`))
      return output
    },
    connect: async () => connect(sockets.channel),
    securityModule: tunnel => tunnel.destroy(),
  })
}

/** Nitro's security module of a machine that measured these registers, under an authority of tests. */
export function nitroModule(authority: NitroAuthority, pcrs: Uint8Array[]): ModuleCall {
  return request => {
    const body = (decodeCbor(request) as Map<string, Map<string, Uint8Array>>).get('Attestation')
    const document = authority.issue({
      time: BigInt(Math.floor(Date.now() / 1000)),
      pcrs: { ...pcrs },
      userData: body?.get('user_data') ?? null,
      nonce: body?.get('nonce') ?? null,
    })
    return encodeCbor(new Map([['Attestation', new Map([['document', document]])]]))
  }
}
