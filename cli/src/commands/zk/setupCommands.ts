import type { Command } from 'commander'
import { command, run } from '../../commandLine.ts'

const CEREMONY = `
A proof for a contract takes a key of the model's own, and whoever made that key alone can forge. So many make it, one
after the other, with snarkjs's own commands: docs/zk-groth16.md, section 6, has them all.

  nacre zk setup circuit iris-mlp.nzkm
  nacre zk setup verify iris-mlp.nzkm --ptau powers.ptau --zkey iris-mlp.zkey`

/** `nacre zk setup …`: the keys of proofs that contracts verify. */
export function addSetupCommands(zk: Command): void {
  const setup = zk
    .command('setup')
    .description('keys of proofs that contracts verify, which take a ceremony for each model')
    .addHelpText('after', CEREMONY)
  command(setup, 'circuit', 'write the circuit of a model, which its ceremony begins with')
    .argument('<container>', 'what nacre zk compile wrote')
    .option('--out <file>', 'where the circuit goes (default: the container’s name and .r1cs)')
    .action(async (container, options, self) =>
      run(self, async out => (await import('./setupCircuit.ts')).setupCircuit(container, options, out)),
    )
  command(setup, 'verify', 'check the transcript of a ceremony, and write the key that it made')
    .argument('<container>', 'the model that you trust, as nacre zk compile wrote it')
    .requiredOption('--ptau <file>', 'the powers of tau that it began with, prepared for phase 2')
    .option('--zkey <file>', 'the proving key that it made (default: the container’s name and .zkey)')
    .option('--out <file>', 'where the verification key goes (default: the container’s name and .nzkg)')
    .action(async (container, options, self) =>
      run(self, async out => (await import('./setupVerify.ts')).setupVerify(container, options, out)),
    )
  command(setup, 'development', 'keys to develop with: whoever makes them can prove anything')
    .argument('<container>', 'what nacre zk compile wrote')
    .option('--out <file>', 'name of the keys, .zkey and .nzkg (default: that of the container)')
    .action(async (container, options, self) =>
      run(self, async out =>
        (await import('./setupDevelopment.ts')).setupDevelopment(container, options, out),
      ),
    )
}
