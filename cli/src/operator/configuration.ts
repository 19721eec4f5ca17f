import { resolve } from 'node:path'
import { CliError, EXIT } from '../errors.ts'
import { green, type Output } from '../output.ts'
import { loadHost } from './host.ts'

/** `nacre operator config [FILE]`: checks a configuration, or with --schema prints what one must be. */
export async function configuration(
  file: string | undefined,
  options: { schema?: boolean },
  output: Output,
): Promise<number> {
  const { loadConfig, operatorConfig, operatorSchema } = await loadHost()
  if (options.schema) {
    process.stdout.write(`${JSON.stringify(operatorSchema(), undefined, output.json ? 0 : 2)}\n`)
    return EXIT.ok
  }
  if (file === undefined)
    throw new CliError('usage', {
      what: 'no configuration is named',
      why: 'there is nothing to check',
      fix: 'nacre operator config FILE, or --schema',
    })
  const { rpcUrl, deployment, schema, artifacts, zk } = loadConfig(operatorConfig, resolve(file))
  output.line(green(`${file} is a configuration of an operator agent.`))
  output.line(
    `chain ${deployment.chainId}, relay ${deployment.relay}, ${artifacts.length + zk.length} models`,
  )
  output.result({ ok: true, rpc_url: rpcUrl, chain_id: deployment.chainId, relay: deployment.relay, schema })
  return EXIT.ok
}
