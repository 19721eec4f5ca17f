import { fromHex } from '@nacre/verify/bytes'
import type { Command } from 'commander'
import { Option } from 'commander'
import { command, run, state } from '../../commandLine.ts'
import { CliError } from '../../errors.ts'
import { onChain } from '../../release/commands.ts'
import { wholeNumber } from '../../usage.ts'
import { addSetupCommands } from './setupCommands.ts'

/** `nacre zk`: proofs that a network of integers made its outputs; they hide nothing. */
export function addZkCommands(program: Command): void {
  const zk = program
    .command('zk')
    .description('proofs of inference, without hardware and without a trusted setup; NOT zero-knowledge')
  command(zk, 'compile', 'make a network of integers that proofs can be made for')
    .argument('<model>', 'ONNX file, digits-mlp, digits-transformer, or the name of one of nacre model list')
    .option(
      '--samples <file>',
      'real inputs to calibrate on, JSON: rows, or {rows, labels} (default: those of the repository’s models)',
    )
    .option('--out <file>', 'where the container goes (default: the model’s name and .nzkm)')
    .addOption(threads())
    .addOption(state)
    .action(async (model, options, self) =>
      run(self, async out => (await import('./compile.ts')).compile(model, options, out)),
    )
  command(zk, 'prove', 'run the network, and prove what it gives')
    .argument('<container>', 'what nacre zk compile wrote')
    .argument('<input>', 'rows of numbers, or @FILE: [[5.1,3.5,1.4,0.2]]')
    .option('--batch', 'several rows: one proof of all of them')
    .option('--public-weights', 'a smaller proof, whose verifier reads all weights')
    .option('--groth16 [zkey]', 'by snarkjs, for contracts (default key: the container’s name and .zkey)')
    .option('--out <file>', 'where the proof goes (default: the container’s name and .nzks or .nzkp)')
    .addOption(threads())
    .action(async (container, input, options, self) =>
      run(self, async out =>
        options.groth16 === undefined
          ? (await import('./prove.ts')).prove(container, input, options, out)
          : (await import('./proveGroth16.ts')).proveGroth16(container, input, options, out),
      ),
    )
  command(zk, 'verify', 'check a proof and list every check')
    .argument(
      '<model>',
      'the model that you trust: the container, or the verifying key, which has no weights',
    )
    .argument('<proof>', 'what nacre zk prove wrote')
    .option('--model <id>', 'the identity that the model must have, as compile printed it', modelId)
    .option(
      '--key <file>',
      'of Groth16 proofs: the key that you trust (default: the container’s name and .nzkg)',
    )
    .option('--input <rows>', 'of Groth16 proofs: the input that it must be about, a row of numbers or @FILE')
    .option('--development', 'of Groth16 proofs: take a key whose maker can prove anything')
    .addOption(threads())
    .action(async (container, proof, options, self) =>
      run(self, async out =>
        (await import('./groth16Files.ts')).isGroth16(proof)
          ? (await import('./verifyGroth16.ts')).verifyGroth16(container, proof, options, out)
          : (await import('./verify.ts')).verify(container, proof, options, out),
      ),
    )
  onChain(command(zk, 'register', 'register a key on a chain, which deploys its verifier'))
    .argument('<key>', 'what nacre zk setup wrote, .nzkg')
    .action(async (key, options, self) =>
      run(self, async out => (await import('./register.ts')).register(key, options, out)),
    )
  command(zk, 'attest', 'have an enclave verify a proof and sign what it shows, as a receipt')
    .argument('<key>', 'the verifying key, or the container')
    .argument('<proof>', 'what nacre zk prove wrote, with committed weights')
    .option('--operator <url>', 'whose enclave verifies proofs (default: that of nacre dev --zk KEY)')
    .option('--policy <file>', 'what you accept: releases and assurance, JSON')
    .option('--release <id>', 'a release to accept besides')
    .option('--development-root <file>', 'accept SIMULATED evidence of this root')
    .option('--out <file>', 'where the receipt goes (default: the proof’s name and .receipt.json)')
    .addOption(state)
    .action(async (key, proof, options, self) =>
      run(self, async out => (await import('./attest.ts')).attest(key, proof, options, out)),
    )
  addSetupCommands(zk)
  addChainCommands(zk)
}

/** What is asked and answered on chain. */
function addChainCommands(zk: Command): void {
  command(zk, 'serve', 'prove what is asked of these networks on a running development network, until Ctrl-C')
    .argument('<container...>', 'what nacre zk compile wrote, its keys beside it')
    .option('--key <file>', 'its verifying key (default: the container’s name and .nzkg)')
    .option('--proving-key <file>', 'its proving key (default: the container’s name and .zkey)')
    .addOption(state)
    .action(async (containers, options, self) =>
      run(self, async out => (await import('./serve.ts')).serve(containers, options, out)),
    )
  command(
    zk,
    'request',
    'ask a running development network through the relay, and have the chain verify a proof',
  )
    .argument('<container>', 'what nacre zk compile wrote')
    .argument('<input>', 'a row of numbers, or @FILE: [5.1,3.5,1.4,0.2]')
    .option('--key <file>', 'its verifying key (default: the container’s name and .nzkg)')
    .option('--fee <amount>', 'paid for the answer: 0.001ether, 500gwei, 1000wei')
    .option('--timeout <seconds>', 'how long to wait for the answer', wholeNumber('--timeout', 1, 3_600), 120)
    .addOption(state)
    .action(async (container, input, options, self) =>
      run(self, async out => (await import('./request.ts')).request(container, input, options, out)),
    )
}

function threads(): Option {
  const text = 'threads that share the work (default: up to 4 where the model is large, else 1)'
  return new Option('--threads <n>', text).argParser(wholeNumber('--threads', 1, 64))
}

function modelId(text: string): Uint8Array {
  if (/^0x[0-9a-f]{64}$/.test(text)) return fromHex(text as `0x${string}`)
  throw new CliError('usage', {
    what: `--model cannot be ${text}`,
    why: 'an identity is 0x and 64 hexadecimal digits in lower case',
    fix: 'give what nacre zk compile printed as model',
  })
}
