import { type Command, Option } from 'commander'
import { command, run, several } from '../commandLine.ts'
import { sending } from '../operator/commands.ts'
import { wholeNumber } from '../usage.ts'

const BUILD = `
Everything is made of these sources and of packages by their digests: the same bytes on every machine, without Docker.
A signature, for Nitro's PCR 8, is the only thing that differs.

  nacre release build --engine onnx --out release
  nacre release publish release --rpc URL --deployment deployment.json --keystore publisher.json`

/** `nacre release …`; what a command does is loaded when it runs. */
export function addReleaseCommands(program: Command): void {
  const release = program.command('release').description('enclave images: build, measure, publish, verify')
  addLocalCommands(release)
  addAttestCommand(release)
  addChainCommands(release)
}

function addLocalCommands(release: Command): void {
  command(release, 'build', 'build the image that boots, with its manifest and the list of what is inside')
    .addOption(
      new Option('--engine <name>', 'which image')
        .choices(['onnx', 'attestation', 'zk'])
        .makeOptionMandatory(),
    )
    .requiredOption('--out <dir>', 'folder to write, or a release to replace')
    .option('--kernel <file>', 'another Linux than the pinned one')
    .option('--signing-key <file>', 'key on P-384 that signs the image, PEM')
    .option('--signing-certificate <file>', 'its certificate, PEM')
    .option('--publisher <address>', 'publisher, for the release id')
    .addHelpText('after', BUILD)
    .action(async (options, self) => run(self, async out => (await import('./build.ts')).build(options, out)))
  command(release, 'show', 'what a manifest says: id, measurements, files')
    .argument('[folder]', 'folder of an image or a release (default: the built image)')
    .option('--publisher <address>', 'publisher, for the release id')
    .action(async (folder, options, self) =>
      run(self, async out => (await import('./show.ts')).show(folder, options, out)),
    )
  command(release, 'measure', 'measure an image file, every byte of a folder, or what evidence is of')
    .argument('[path]', 'image file, or folder of an image or a release (default: builds the image)')
    .option('--publisher <address>', 'publisher, for the release id')
    .option('--evidence <file>', 'evidence of a machine, for the digest that its release must list')
    .option('--tee <kind>', 'what it is evidence of (default: looked at)')
    .option('--collateral <path>', "what verifies it, as of 'attestation verify'; repeat it", several)
    .option('--policy <file>', "what you accept of it, as of 'attestation verify'")
    .option('--at <time>', 'verify as of this time, Unix seconds or ISO 8601 (default: now)')
    .action(async (path, options, self) =>
      run(self, async out => (await import('./measure.ts')).measure(path, options, out)),
    )
  command(release, 'verify', 'build these sources again, and compare a release with it')
    .argument('<release>', 'folder, or its manifest.json alone')
    .option('--against <dir>', 'compare with a folder that was built elsewhere')
    .option('--kernel <file>', 'the kernel that it was built with, if not the pinned one')
    .action(async (path, options, self) =>
      run(self, async out => (await import('./verify.ts')).verify(path, options, out)),
    )
}

/** As host/src/drivers/index.ts, which is loaded when a command runs. */
const DRIVERS = ['simulated', 'qemu', 'nitro', 'tdx', 'snp', 'dstack']

function addAttestCommand(release: Command): void {
  command(release, 'attest', 'boot a release once on this machine, and keep its evidence')
    .argument('<folder>', 'folder of the release, or of an image that runs as a process')
    .addOption(
      new Option('--tee <driver>', 'by which driver (nacre doctor lists them)')
        .choices(DRIVERS)
        .makeOptionMandatory(),
    )
    .requiredOption('--out <file>', 'where its evidence is written')
    .option('--memory <mib>', 'memory of the machine', wholeNumber('--memory', 256, 1_048_576))
    .option('--cpus <n>', 'its processors', wholeNumber('--cpus', 1, 256))
    .option('--firmware <file>', 'its firmware, of TDX and SEV-SNP')
    .action(async (folder, options, self) =>
      run(self, async out => (await import('./attest.ts')).attest(folder, options, out)),
    )
}

function addChainCommands(release: Command): void {
  onChain(command(release, 'publish', 'list a release, or add measurements to it'))
    .argument('<folder>', 'folder of the release')
    .option('--measurement <kind:digest>', 'also this one, as of another machine shape; repeat it', several)
    .action(async (folder, options, self) =>
      run(self, async out => (await import('./publish.ts')).publish(folder, options, out)),
    )
  onChain(command(release, 'revoke', 'revoke a release, for ever'))
    .argument('<id>', 'release id')
    .action(async (id, options, self) =>
      run(self, async out => (await import('./revoke.ts')).revoke(id, options, out)),
    )
}

/** Who sends may have no agent, whose configuration names the chain. */
export function onChain(self: Command): Command {
  return sending(self)
    .option('--rpc <url>', 'node of the chain, with --deployment and --keystore')
    .option('--deployment <file>', 'addresses of the contracts on that chain, JSON')
}
