import { CliError } from '../errors.ts'

/** The gateway's parts of the host, loaded when a command needs them. Its type is inferred: naming it would import the host. */
export async function loadGateway() {
  try {
    const [common, config, logger, keys, start, run] = await Promise.all([
      import('@nacre/host/common/config'),
      import('@nacre/host/gateway/config'),
      import('@nacre/host/common/index'),
      import('@nacre/host/gateway/keys'),
      import('@nacre/host/gateway/start'),
      import('@nacre/host/gateway/run'),
    ])
    return { ...common, ...config, ...logger, ...keys, ...start, ...run }
  } catch (error) {
    throw new CliError('missing-part', {
      what: 'the host part of nacre does not load',
      why: error instanceof Error ? error.message : String(error),
      fix: 'run npm ci in the repository, without --omit=optional',
    })
  }
}
