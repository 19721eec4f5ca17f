import type { Command } from 'commander'
import { command, run } from '../commandLine.ts'
import { wholeNumber } from '../usage.ts'

/** `nacre gateway …`; what a command does is loaded when it runs. */
export function addGatewayCommands(program: Command): void {
  const gateway = program
    .command('gateway')
    .description('run a gateway to operators of language models, and its API keys')
    .enablePositionalOptions()
  const configured = (self: Command) =>
    self.requiredOption('--config <file>', 'its configuration: docs/operating.md, The gateway')
  configured(command(gateway, 'run', 'run the gateway until Ctrl-C')).action(async (options, self) =>
    run(self, async out => (await import('./run.ts')).runGateway(options, out)),
  )
  command(gateway, 'config', 'check a configuration, or print its JSON schema')
    .argument('[file]', 'configuration of a gateway')
    .option('--schema', 'print the schema')
    .action(async (file, options, self) =>
      run(self, async out => (await import('./configuration.ts')).configuration(file, options, out)),
    )
  const key = gateway.command('key').description('API keys of all gateways over one database')
  configured(command(key, 'new', 'make a key; it is shown once, the database keeps its hash'))
    .requiredOption('--name <name>', 'whose it is, for the list')
    .action(async (options, self) => run(self, async out => (await import('./keys.ts')).create(options, out)))
  configured(command(key, 'list', 'the keys, and what was asked with each')).action(async (options, self) =>
    run(self, async out => (await import('./keys.ts')).list(options, out)),
  )
  configured(command(key, 'revoke', 'end a key: gateways refuse it within five seconds'))
    .argument('<id>', 'its number in the list', wholeNumber('ID', 1, 999_999_999))
    .action(async (id, options, self) =>
      run(self, async out => (await import('./keys.ts')).revoke(id, options, out)),
    )
}
