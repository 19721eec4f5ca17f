import { resolve } from 'node:path'
import { CliError, EXIT } from '../errors.ts'
import { green, type Output } from '../output.ts'
import { loadGateway } from './host.ts'

/** `nacre gateway config [FILE]`: checks a configuration, or with --schema prints what one must be. */
export async function configuration(
  file: string | undefined,
  options: { schema?: boolean },
  output: Output,
): Promise<number> {
  const { loadConfig, gatewayConfig, gatewaySchema } = await loadGateway()
  if (options.schema) {
    process.stdout.write(`${JSON.stringify(gatewaySchema(), undefined, output.json ? 0 : 2)}\n`)
    return EXIT.ok
  }
  if (file === undefined)
    throw new CliError('usage', {
      what: 'no configuration is named',
      why: 'there is nothing to check',
      fix: 'nacre gateway config FILE, or --schema',
    })
  const { operators, schema, keys, policyFile } = loadConfig(gatewayConfig, resolve(file))
  output.line(green(`${file} is a configuration of a gateway.`))
  const attested =
    policyFile === undefined ? 'any enclave, attested or not' : `those that ${policyFile} accepts`
  output.line(`${operators.length} operators, ${attested}; keys are ${keys.required ? '' : 'not '}required`)
  output.result({ ok: true, operators, schema, keys_required: keys.required, policy: policyFile ?? null })
  return EXIT.ok
}
