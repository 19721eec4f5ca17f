import { type Command, Option } from 'commander'
import { command, run, several, state } from '../commandLine.ts'
import { wholeNumber } from '../usage.ts'

/** Options of commands that ask a gateway. */
export function addTargetOptions(target: Command): Command {
  return target
    .option('--gateway <url>', 'gateway or operator to ask (default: the development network’s)')
    .option('--policy <file>', 'what you accept, JSON (default: the development network’s)')
    .option('--release <id>', 'a release that you accept, beside those of the policy')
    .option('--development-root <file>', 'accept SIMULATED evidence of this root certificate (DER)')
    .addOption(state)
}

export function addProxyCommand(program: Command): void {
  const proxy = command(
    program,
    'proxy',
    'a local OpenAI endpoint: sealed to verified enclaves, receipts checked',
  )
  addTargetOptions(proxy)
    .option('--model <name=hash>', 'a model’s name, and the SHA-256 of its file; repeat it', several)
    .addOption(new Option('--host <address>', 'address to listen on').default('127.0.0.1'))
    .option('--port <n>', 'port to listen on, 0 for any that is free', wholeNumber('--port', 0, 65_535), 8690)
    .option('--receipts <dir>', 'folder that each receipt is written to')
    .option('--max-price <amount>', 'the most that an answer may cost, in the token’s smallest unit')
    .option('--price-token <address>', 'the token of --max-price (default: the chain’s own coin)')
    .option('--hold-back', 'give nothing of a stream before its receipt is verified')
    .option('--allow-host <name>', 'another name that this endpoint has; repeat it', several)
    .option(
      '--allow-origin <origin>',
      'a web page that may use it, such as http://localhost:3000; repeat it',
      several,
    )
    .action(async (options, self) => run(self, async out => (await import('./proxy.ts')).proxy(options, out)))
}
