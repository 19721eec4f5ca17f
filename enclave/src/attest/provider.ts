import type { StartOptions } from '../config.ts'
import { dstackProvider } from './dstack.ts'
import type { Provider } from './evidence.ts'
import { nsmProvider } from './nsm.ts'
import { type TsmOptions, tsmProvider } from './tsm.ts'

/** Where a guest finds what makes its evidence. */
export type Places = { tsm: TsmOptions; dstack: string }

/** Linux's (Documentation/ABI/testing/configfs-tsm-report) and dstack's own. */
const PLACES: Places = {
  tsm: { folder: '/sys/kernel/config/tsm/report/nacre' },
  dstack: '/var/run/dstack.sock',
}

/** What makes evidence of the kind that the host says this is: a wrong word of it means that there is none. */
export function createProvider(
  { evidence, sockets }: Pick<StartOptions, 'evidence' | 'sockets'>,
  places: Places = PLACES,
): Provider {
  switch (evidence) {
    case 'simulated':
    case 'nitro':
      return nsmProvider(sockets.securityModule as string)
    case 'tdx':
    case 'snp':
      return tsmProvider(evidence, places.tsm)
    case 'dstack':
      return dstackProvider(places.dstack)
  }
}
