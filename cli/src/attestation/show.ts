import type { Tee } from '@nacre/verify'
import { CliError, EXIT } from '../errors.ts'
import { bold, dim, type Output, plain, yellow } from '../output.ts'
import { EXPLAINERS, type Explanation, recognise } from './explain.ts'
import { readEvidence } from './files.ts'
import { parseTee } from './verify.ts'

const MAX_LABEL = 24

/** `nacre attestation show FILE`: what evidence claims, for people. Nothing of it is verified. */
export async function show(file: string, options: { tee?: string }, output: Output): Promise<number> {
  const explanation = explain(file, options.tee === undefined ? undefined : parseTee(options.tee))
  print(output, file, explanation)
  const { tee, facts, measurements, certificates } = explanation
  output.result({ file, tee, facts: Object.fromEntries(facts), measurements, certificates })
  return EXIT.ok
}

function explain(file: string, named: Tee | undefined): Explanation {
  try {
    const bytes = readEvidence(file)
    const tee = named ?? recognise(bytes)
    if (!tee) throw new Error('it begins as none that is known')
    return EXPLAINERS[tee](bytes)
  } catch (error) {
    throw new CliError('bad-file', {
      what: `${file} is no evidence that can be shown`,
      why: error instanceof Error ? error.message : String(error),
      fix: 'give evidence raw, in hex or in base64, and say what it is with --tee',
    })
  }
}

function print(output: Output, file: string, explanation: Explanation): void {
  const { facts, measurements } = explanation
  const width = Math.max(
    ...[...facts.map(([label]) => label), ...Object.keys(measurements)].map(label => label.length),
  )
  const row = (label: string, value: string): void =>
    output.line(`  ${plain(label).padEnd(Math.min(width, MAX_LABEL))} ${plain(value)}`)
  output.line(`${bold(plain(file))}  ${explanation.tee}`)
  for (const [label, value] of facts) row(label, value)
  output.line()
  output.line(bold('Measurements'))
  for (const [name, value] of Object.entries(measurements)) row(name, /^0+$/.test(value) ? 'zero' : value)
  output.line()
  output.line(bold('Certificates, from the root down'))
  if (explanation.certificates.length === 0) output.line('  none: they come beside this kind of evidence')
  for (const certificate of explanation.certificates) {
    output.line(`  ${plain(certificate.subject)}`)
    const { notBefore, notAfter, key, signature, authority, fingerprint, serial } = certificate
    output.line(dim(`    ${notBefore} to ${notAfter}, ${key}, signed with ${signature}`))
    output.line(dim(`    ${authority ? 'authority' : 'leaf'}, serial ${serial}, SHA-256 ${fingerprint}`))
  }
  output.line()
  output.line(yellow('Nothing here is verified: anyone can write such a file. See nacre attestation verify.'))
}
