import type { Command } from 'commander'
import { command, run } from '../commandLine.ts'
import { sending } from '../operator/commands.ts'
import { wholeNumber } from '../usage.ts'

const MORE = `
The evidence is an attestation document of AWS Nitro, or a simulated one: raw, hex, base64, or the JSON of an enclave's
/v1/attest. Its nonce is the hash of a recent block, its user data binds the keys and the configuration. These come from
--registration: the JSON of the enclave's /v1/identity, or of an operator's /v1/attestation, which has all of it and may
be the --evidence file itself; or from options.

  nacre enclave register --evidence document.bin --registration identity.json --config agent.json --dry-run`

/** `nacre enclave …`; what a command does is loaded when it runs. */
export function addEnclaveCommands(program: Command): void {
  const enclave = program.command('enclave').description('attested enclaves on chain')
  sending(command(enclave, 'register', "have the chain verify an enclave's evidence and register its key"))
    .requiredOption('--evidence <file>', 'attestation document: raw, hex, base64, or JSON')
    .option('--registration <file>', 'identity and configuration, JSON (default: in the evidence file)')
    .option('--receipt-key <address>', "or each by itself: the enclave's signing key")
    .option('--tls-key-hash <hash>', 'hash of its TLS key (default: zero, it has none)')
    .option('--hpke-key <key>', 'its HPKE key (default: zero, it has none)')
    .option('--operator-address <address>', 'operator that it is configured for (default: the account)')
    .option('--release <id>', "release that it runs (default: the configuration's, or the network's)")
    .option('--max-input <bytes>', 'its input limit', wholeNumber('--max-input', 1, 999_999_999))
    .option('--max-output <bytes>', 'its output limit', wholeNumber('--max-output', 1, 999_999_999))
    .option(
      '--anchor <block>',
      "block whose hash is the evidence's nonce (default: looked up)",
      wholeNumber('--anchor', 0, 999_999_999),
    )
    .option(
      '--max-gas <gas>',
      'most gas of one transaction; more are sent where it is too little (default: 13000000)',
      wholeNumber('--max-gas', 21_000, 999_999_999),
    )
    .addHelpText('after', MORE)
    .action(async (options, self) =>
      run(self, async out => (await import('./register.ts')).register(options, out)),
    )
  sending(command(enclave, 'claim', "have a VerifierEnclave count a key as the account's own"))
    .argument('<receipt-key>', "the enclave's signing key")
    .requiredOption('--verifier <address>', 'the VerifierEnclave')
    .action(async (key, options, self) =>
      run(self, async out => (await import('./claim.ts')).claim(key, options, out)),
    )
}
