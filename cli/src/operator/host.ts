import { CliError } from '../errors.ts'

/**
 * The parts of the host that read keys and configurations, loaded when a command needs them. Its type is inferred:
 * naming it would import the host.
 */
export async function loadHost() {
  try {
    const [account, config, fields, keystore, schema] = await Promise.all([
      import('@nacre/host/operator/account'),
      import('@nacre/host/common/config'),
      import('@nacre/host/operator/config'),
      import('@nacre/host/operator/keystore'),
      import('@nacre/host/operator/schema'),
    ])
    return { ...account, ...config, ...fields, ...keystore, ...schema }
  } catch (error) {
    throw new CliError('missing-part', {
      what: 'the host part of nacre does not load',
      why: error instanceof Error ? error.message : String(error),
      fix: 'run npm ci in the repository, without --omit=optional',
    })
  }
}
