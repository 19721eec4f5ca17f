import { type Command, Option } from 'commander'
import { command, run, several } from '../commandLine.ts'

/** `nacre attestation`: evidence of TEEs, verified and explained. */
export function addAttestationCommands(program: Command): void {
  const attestation = program.command('attestation').description('evidence of trusted execution environments')
  command(attestation, 'verify', 'check evidence and list every check')
    .argument('<file...>', 'evidence: raw, hex or base64')
    .addOption(tee('what it is evidence of').makeOptionMandatory())
    .option('--at <time>', 'verify as of this time, Unix seconds or ISO 8601 (default: now)')
    .option(
      '--collateral <path>',
      'what the vendor publishes: a file, or a folder of files; repeat it',
      several,
    )
    .option('--certs <dir>', 'certificates that are not in the evidence itself; repeat it', several)
    .option('--policy <file>', 'what you accept, JSON (default: authentic, not debug, TCB up to date)')
    .option('--nonce <hex>', 'the nonce that you sent')
    .action(async (files, options, self) =>
      run(self, async out => (await import('./verify.ts')).verify(files, options, out)),
    )
  command(
    attestation,
    'show',
    'explain evidence, certificates and measurements included; nothing is verified',
  )
    .argument('<file>', 'evidence: raw, hex or base64')
    .addOption(tee('what it is evidence of (default: looked at)'))
    .action(async (file, options, self) =>
      run(self, async out => (await import('./show.ts')).show(file, options, out)),
    )
  addCollateralCommands(attestation)
}

function addCollateralCommands(attestation: Command): void {
  const collateral = attestation.command('collateral').description('what vendors publish beside evidence')
  command(collateral, 'fetch', "get what evidence needs from Intel's and AMD's services, for verify")
    .argument('<file...>', 'TDX and SGX quotes, bundles of dstack, SEV-SNP reports: raw, hex or base64')
    .requiredOption('--out <dir>', 'folder to write to')
    .addOption(tee('what the files are evidence of (default: looked at)'))
    .option('--product <name>', 'processor of a report of version 2: Milan, Genoa or Turin')
    .option('--intel <url>', "Intel's provisioning certification service, or a cache of it")
    .option('--intel-root <url>', "where the list of Intel's root is (default: that of --intel, or Intel's)")
    .option('--amd <url>', "AMD's key distribution service, or a cache of it")
    .option('--timeout <seconds>', 'for one answer (default: 30)')
    .action(async (files, options, self) =>
      run(self, async out => (await import('./fetch.ts')).fetchCollateral(files, options, out)),
    )
}

function tee(description: string): Option {
  return new Option('--tee <kind>', `${description}: nitro, tdx, sgx, snp, nvidia, dstack, simulated`)
}
