/**
 * `nacre <object> <verb>`: the command line. Commands are loaded when they run, so that `nacre receipt verify` needs
 * neither the host nor a chain.
 */
import { enableCompileCache } from 'node:module'
import { Command, CommanderError, Option } from 'commander'
import { addAttestationCommands } from './attestation/commands.ts'
import { command, run, several, state } from './commandLine.ts'
import { addZkCommands } from './commands/zk/commands.ts'
import { addEnclaveCommands } from './enclave/commands.ts'
import { EXIT } from './errors.ts'
import { addGatewayCommands } from './gateway/commands.ts'
import { addOperatorCommands } from './operator/commands.ts'
import { createOutput, reportError } from './output.ts'
import { COMPILE_CACHE } from './paths.ts'
import { addProxyCommand, addTargetOptions } from './proxy/commands.ts'
import { addReleaseCommands } from './release/commands.ts'
import { usageError, wholeNumber } from './usage.ts'

// Compiled modules are kept beside the packages, for the processes that are started from here too: starts are a second
// faster from the second one on.
process.env.NODE_COMPILE_CACHE ??= COMPILE_CACHE
enableCompileCache(process.env.NODE_COMPILE_CACHE)

const EXIT_CODES = `
Exit codes:
  0   ok
  1   a check failed, or an answer was refused
  2   usage: unknown command, option, file or value
  3   environment: something is missing, in use or did not start
  4   network: nothing answers, or not in time
  70  a bug in nacre
  130 stopped by Ctrl-C

Documentation: docs/cli.md`

const program = new Command('nacre')
  .description('Verifiable AI: models run in trusted execution environments, every answer carries a receipt.')
  .version('0.1.0')
  .addHelpText('after', EXIT_CODES)
  .configureOutput({ outputError: () => {} })
  // A command with options may have subcommands: options belong to the one that they follow.
  .enablePositionalOptions()
  .exitOverride(refuse)

command(program, 'dev', 'the whole network on this machine, SIMULATED, and its main job')
  .option('--once', 'exit after the main job')
  .option('--reset', 'delete the saved state first')
  .option(
    '--port <n>',
    'port of operator 1, the chain and the others follow (default: 8645)',
    wholeNumber('--port', 1024, 65_500),
  )
  .addOption(
    new Option(
      '--tee <driver>',
      'how enclaves run: as processes, or as virtual machines (qemu); both SIMULATED',
    )
      .choices(['simulated', 'qemu'])
      .default('simulated'),
  )
  .option(
    '--zk <key>',
    'one more operator, whose enclave verifies proofs against this verifying key; repeat it',
    several,
  )
  .option('--operators <n>', 'how many operators, 1 to 8', wholeNumber('--operators', 1, 8), 3)
  .option(
    '--chaos [rounds]',
    'then kill assigned operators, and see others answer (default: 3 rounds)',
    wholeNumber('--chaos', 1, 1000),
  )
  .option(
    '--seed <s>',
    'the same questions and moments of --chaos again',
    wholeNumber('--seed', 0, 999_999_999),
  )
  .addOption(state)
  .action(async (options, self) => run(self, async out => (await import('./dev/dev.ts')).dev(options, out)))

const request = command(program, 'request', 'ask a running development network through the relay')
  .enablePositionalOptions()
  .argument('<model>', 'name or artifact hash of an announced model')
  .option('--input <json>', 'rows of numbers, or @FILE: [[5.1,3.5,1.4,0.2]]')
  .option('--sample <n>', 'a real held-out input of this model, from 0 on')
  .option('--timeout <seconds>', 'how long to wait for the answer', wholeNumber('--timeout', 1, 86_400), 60)
  .option('--watch', 'tell every hop of it')
  .addOption(state)
  .action(async (model, options, self) =>
    run(self, async out => (await import('./commands/request.ts')).request(model, options, out)),
  )
command(request, 'watch', 'follow one request through every hop, with times and gas')
  .argument('<id>', 'request id')
  .option('--timeout <seconds>', 'how long to follow an open one', wholeNumber('--timeout', 0, 86_400), 600)
  .option('--rpc <url>', 'node of another chain than the development network’s')
  .option('--deployment <file>', 'addresses of the contracts on that chain, JSON')
  .option('--operator-url <url>', 'an operator to ask about it; repeat it', several)
  .option('--policy <file>', 'what its receipt is verified by (default: the development network’s)')
  .addOption(state)
  .action(async (id, options, self) =>
    run(self, async out => (await import('./watch/watch.ts')).watch(id, options, out)),
  )
command(request, 'expire', 'end requests that nobody answered in time: their consumers are refunded')
  .argument('[id]', 'the request')
  .option('--overdue', 'all that are overdue')
  .addOption(state)
  .action(async (id, options, self) =>
    run(self, async out => (await import('./commands/requestExpire.ts')).expireRequests(id, options, out)),
  )

const receipt = program.command('receipt').description('receipts of answers')
command(receipt, 'verify', 'check a receipt and list every check')
  .argument('<file>', 'receipt bundle, JSON')
  .option('--policy <file>', 'what you accept, JSON (default: real TEEs only, and no release)')
  .option('--release <id>', 'a release that you accept, beside those of the policy')
  .option('--development-root <file>', 'accept SIMULATED evidence of this root certificate (DER)')
  .option('--rpc <url>', 'also check the key, the release and the anchor on chain')
  .option('--registry <address>', 'the enclave registry that it has to be of')
  .option('--request <id>', 'the request that this must answer')
  .option('--at <time>', 'verify as of this time, Unix seconds or ISO 8601 (default: now)')
  .action(async (file, options, self) =>
    run(self, async out => (await import('./commands/receipt.ts')).verify(file, options, out)),
  )

command(receipt, 'fetch', 'the receipt of a language model’s answer that any client got, such as curl')
  .requiredOption('--request <file>', 'the request’s body, byte for byte')
  .requiredOption('--answer <file>', 'the answer’s body, byte for byte; of a stream all of it')
  .option('--gateway <url>', 'gateway or operator that answered (default: the development network’s)')
  .option('--out <file>', 'where the receipt bundle goes (default: the answer’s name and .receipt.json)')
  .addOption(state)
  .action(async (options, self) =>
    run(self, async out => (await import('./commands/receiptFetch.ts')).fetchReceipt(options, out)),
  )

addTargetOptions(
  command(receipt, 'replay', 'ask another enclave the same with the same seed, and compare token by token'),
)
  .argument('<file>', 'receipt bundle of a language model’s answer, JSON')
  .option('--other', 'an error where there is no other enclave')
  .action(async (file, options, self) =>
    run(self, async out => (await import('./replay/replay.ts')).replay(file, options, out)),
  )

addProxyCommand(program)
addAttestationCommands(program)
addEnclaveCommands(program)

addReleaseCommands(program)

const model = program.command('model').description('models of a development network')
command(model, 'add', 'give a model to the development network: announced at its next start')
  .argument('<file>', 'ONNX file, pipeline or GGUF file; https://…; or hf:OWNER/NAME/FILE[@REVISION]')
  .option('--name <name>', 'name to ask for it by (default: the file’s)')
  .option('--sha256 <digest>', 'refuse any other file')
  .addOption(state)
  .action(async (file, options, self) =>
    run(self, async out => (await import('./commands/model.ts')).add(file, options, out)),
  )
command(model, 'remove', 'take an added model out of the development network, from its next start on')
  .argument('<name>', 'name or artifact hash of an added model')
  .addOption(state)
  .action(async (name, options, self) =>
    run(self, async out => (await import('./commands/model.ts')).remove(name, options, out)),
  )
command(model, 'list', 'models that a development network serves')
  .addOption(state)
  .action(async (options, self) =>
    run(self, async out => (await import('./commands/model.ts')).list(options, out)),
  )

addZkCommands(program)
addOperatorCommands(program)
addGatewayCommands(program)

command(program, 'doctor', 'what is missing on this machine, and how to get it')
  .addOption(state)
  .action(async (options, self) =>
    run(self, async out => (await import('./commands/doctor.ts')).doctor(options, out)),
  )

await main()

async function main(): Promise<void> {
  try {
    await program.parseAsync()
  } catch (error) {
    const isHelp = error instanceof CommanderError && error.exitCode === 0
    process.exitCode = isHelp
      ? EXIT.ok
      : reportError(error, createOutput({ json: process.argv.includes('--json') }))
  }
}

/** Commands inherit it; commander calls it on the one that was used wrongly. */
function refuse(this: Command, error: CommanderError): never {
  throw error.exitCode === 0 ? error : usageError(this, error)
}
