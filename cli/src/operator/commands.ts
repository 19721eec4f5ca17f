import { type Command, Option } from 'commander'
import { command, run, several, state } from '../commandLine.ts'
import { wholeNumber } from '../usage.ts'

/** `nacre operator …`; what a command does is loaded when it runs. */
export function addOperatorCommands(program: Command): void {
  const operator = program
    .command('operator')
    .description('run an operator: keys, stake, prices, earnings')
    .enablePositionalOptions()
  addAgentCommands(operator)
  addStakeCommands(operator)
  addPriceCommands(operator)
  addKeyCommands(operator)
}

function addAgentCommands(operator: Command): void {
  command(operator, 'run', 'run the operator agent until Ctrl-C')
    .requiredOption('--config <file>', 'its configuration: docs/operating.md, The agent')
    .action(async (options, self) => run(self, async out => (await import('./run.ts')).run(options, out)))
  command(operator, 'config', 'check a configuration, or print its JSON schema')
    .argument('[file]', 'configuration of an agent')
    .option('--schema', 'print the schema')
    .action(async (file, options, self) =>
      run(self, async out => (await import('./configuration.ts')).configuration(file, options, out)),
    )
  onNetwork(command(operator, 'status', 'stake, offers, keys, credits, open duties, health of the agent'))
    .argument('[address]', 'another operator than the account’s own')
    .option('--url <url>', 'where its agent answers')
    .action(async (address, options, self) =>
      run(self, async out => (await import('./status.ts')).status(address, options, out)),
    )
}

function addStakeCommands(operator: Command): void {
  sending(command(operator, 'join', 'bond stake, declare the release, announce what is served'))
    .option('--slots <n>', 'slots to hold altogether', wholeNumber('--slots', 1, 1_000), 1)
    .option('--release <id>', 'what the enclave runs (default: the configuration’s, or the network’s)')
    .addOption(
      new Option('--assurance <kind>', 'of the enclave (default: simulated on 31337)').choices([
        'simulated',
        'tee',
      ]),
    )
    .option('--artifact <model>', 'name, hash or file of what is served; repeat it (default: all)', several)
    .option('--price <amount>', 'of an answer: 0.001ether, 500gwei, 1000wei')
    .addOption(minDeadline())
    .addOption(token())
    .action(async (options, self) => run(self, async out => (await import('./join.ts')).join(options, out)))
  sending(command(operator, 'leave', 'end the offers and unbond the stake')).action(async (options, self) =>
    run(self, async out => (await import('./leave.ts')).leave(options, out)),
  )
  sending(command(operator, 'withdraw', 'pay out credits of the relay, and stake that is free'))
    .option('--to <address>', 'who gets it (default: the operator’s own account)')
    .option('--token <address>', 'a token to pay out beside those that it announced; repeat it', several)
    .action(async (options, self) =>
      run(self, async out => (await import('./withdraw.ts')).withdraw(options, out)),
    )
}

function addPriceCommands(operator: Command): void {
  const prices = onNetwork(command(operator, 'prices', 'what the operator offers; set and retract change it'))
    .enablePositionalOptions()
    .action(async (options, self) => run(self, async out => (await import('./prices.ts')).list(options, out)))
  sending(command(prices, 'set', 'announce a model, or change its price and least time'))
    .argument('<model>', 'name, hash or file')
    .requiredOption('--price <amount>', '0.001ether, 500gwei, 1000wei')
    .addOption(minDeadline())
    .addOption(token())
    .action(async (model, options, self) =>
      run(self, async out => (await import('./prices.ts')).set(model, options, out)),
    )
  sending(command(prices, 'retract', 'end an offer at the next epoch'))
    .argument('<model>', 'name, hash or file')
    .addOption(token())
    .action(async (model, options, self) =>
      run(self, async out => (await import('./prices.ts')).retractOffer(model, options, out)),
    )
}

function addKeyCommands(operator: Command): void {
  const key = operator
    .command('key')
    .description('keystores: encrypted key files, as geth and cast have them')
  withPassword(command(key, 'new', 'make a key in a new keystore'))
    .argument('<file>', 'keystore to write')
    .action(async (file, options, self) =>
      run(self, async out => (await import('./keys.ts')).create(file, options, out)),
    )
  withPassword(command(key, 'import', 'put a key into a new keystore; it is asked for unless a file has it'))
    .argument('<file>', 'keystore to write')
    .option('--private-key-file <file>', '0x and 64 hex digits, mode 0600')
    .action(async (file, options, self) =>
      run(self, async out => (await import('./keys.ts')).importKey(file, options, out)),
    )
  withPassword(command(key, 'show', 'the account of a keystore, never its key'))
    .argument('<file>', 'keystore')
    .option('--check', 'open it with its password and compare')
    .action(async (file, options, self) =>
      run(self, async out => (await import('./keys.ts')).show(file, options, out)),
    )
}

/** Which network, and whose account. */
function onNetwork(self: Command): Command {
  return withPassword(self)
    .option('--config <file>', 'configuration of an agent (default: the running development network)')
    .option(
      '--operator <n>',
      'number of the operator in the development network',
      wholeNumber('--operator', 1, 8),
    )
    .option('--keystore <file>', 'another account than the configuration’s')
    .addOption(state)
}

/** Commands that send transactions show their plan first. */
export function sending(self: Command): Command {
  return onNetwork(self)
    .option('--yes', 'send without asking')
    .option('--dry-run', 'show what would be sent, and send nothing')
}

function withPassword(self: Command): Command {
  return self.option('--password-file <file>', 'holds the keystore’s password, mode 0600 (default: asks)')
}

function minDeadline(): Option {
  return new Option('--min-deadline <seconds>', 'least time from request to deadline')
    .argParser(wholeNumber('--min-deadline', 1, 999_999_999))
    .default(10)
}

function token(): Option {
  return new Option('--token <address>', 'the price is in this token (default: the chain’s coin)')
}
