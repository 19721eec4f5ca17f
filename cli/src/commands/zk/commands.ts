import type { Command } from 'commander'
import { command, run, state } from '../../commandLine.ts'

/** `nacre zk`: proofs that a network of integers made its outputs; they hide nothing. */
export function addZkCommands(program: Command): void {
  const zk = program
    .command('zk')
    .description('proofs of inference, without hardware and without a trusted setup; NOT zero-knowledge')
  command(zk, 'compile', 'make a network of integers that proofs can be made for')
    .argument('<model>', 'ONNX file, or the name of one of nacre model list')
    .option(
      '--samples <file>',
      'real inputs to calibrate on, JSON (default: those of the repository’s models)',
    )
    .option('--out <file>', 'where the container goes (default: the model’s name and .nzkm)')
    .addOption(state)
    .action(async (model, options, self) =>
      run(self, async out => (await import('./compile.ts')).compile(model, options, out)),
    )
  command(zk, 'prove', 'run the network, and prove what it gives')
    .argument('<container>', 'what nacre zk compile wrote')
    .argument('<input>', 'rows of numbers, or @FILE: [[5.1,3.5,1.4,0.2]]')
    .option('--batch', 'several rows: one proof of all of them')
    .option('--public-weights', 'a smaller proof, whose verifier reads all weights')
    .option('--out <file>', 'where the proof goes (default: the container’s name and .nzks)')
    .action(async (container, input, options, self) =>
      run(self, async out => (await import('./prove.ts')).prove(container, input, options, out)),
    )
  command(zk, 'verify', 'check a proof and list every check')
    .argument('<container>', 'the model that you trust, as nacre zk compile wrote it')
    .argument('<proof>', 'what nacre zk prove wrote')
    .action(async (container, proof, _options, self) =>
      run(self, async out => (await import('./verify.ts')).verify(container, proof, out)),
    )
}
