/** Where things are in the guest. All but those in `/run` are in the measured ramdisks. */
export const GUEST = {
  node: '/bin/node',
  koffi: '/lib/koffi.node',
  modules: '/modules',
  bridge: '/guest/bridge.mjs',
  program: '/image/app/enclave.mjs',
  run: '/run/nacre',
  channel: '/run/nacre/enclave.sock',
  api: '/run/nacre/api.sock',
  tls: '/run/nacre/tls.sock',
  securityModule: '/run/nacre/nsm.sock',
  /** What the program is started with; the host chose it. Not where other users write. */
  config: '/run/config.json',
  /** Where reports of TDX and SEV-SNP are made. */
  report: '/sys/kernel/config/tsm/report/nacre',
} as const

/** The guest's users: what the host speaks to has no access to the keys. Their common group owns the sockets. */
export const USERS = { bridge: 65_532, program: 65_533, group: 65_534 } as const

/** What init hands to the bridge: a socket to itself, and the link to the host. */
export const BRIDGE_FDS = { init: 3, link: 4 } as const

/** Longest start options, bytes, and longest line of the program, characters. */
export const MAX_START = 16_384
export const MAX_LINE = 1000
