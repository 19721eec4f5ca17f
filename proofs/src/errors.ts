import { type ErrorOptions, NacreError } from '@nacre/verify/errors'

/** What to do about each error of proofs. The keys are the closed list of codes, documented in docs/errors.md. */
const FIXES = {
  'unsupported-operator':
    'Replace the operator that the message names, or leave that part outside of the proof.',
  'shape-mismatch':
    'Correct the dimensions that the message names; docs/zk-soundness.md, section 2, has the rules.',
  'range-overflow': 'Requantise before the node that the message names, or declare the range that it has.',
  'weight-out-of-range': 'Quantise the weights to smaller integers: the message names the bound.',
  'model-too-large': 'Use a smaller model or batch: the message has the estimate and the bound.',
  'invalid-graph': 'Write the graph with encodeGraph; docs/zk-soundness.md, section 2, has the format.',
  'invalid-input': 'Pass as many whole numbers as the graph and the batch say, in the input’s range.',
  'zk-unsupported-version': 'Use a build of Nacre that knows this version.',
  'zk-proof-size':
    'Take the proof from its prover again: for this graph and batch it has the size in the message.',
  'zk-invalid-file': 'Take the file from its prover again; it must be whole.',
  'zk-not-canonical': 'Do not use the proof: every word of a proof is below the modulus.',
  'zk-invalid-proof': 'Do not use the outputs: the check that the message names failed.',
  'zk-wrong-model': 'Verify with the graph and the weights that the proof was made for.',
  'zk-invalid-key':
    'Take the key file (.nzkg) from whoever ran the setup again; it must be whole, and of this network.',
  'zk-key-unsupported':
    'Give the graph one smaller output, such as an argmax: docs/zk-groth16.md, section 6.',
  'zk-invalid-setup':
    'Take the file from its ceremony again, as snarkjs wrote it; it must be whole: docs/zk-groth16.md, section 6.',
  'zk-snarkjs-missing': 'Install it beside Nacre: npm install snarkjs@0.7.6. It is under GPL-3.0.',
  'zk-public-weights': 'Prove with committed weights, or verify with the model’s container, which has them.',
  'zk-value-out-of-range': 'Do not use the values: the graph declares a range that they are not in.',
} as const

/** Every code that this package throws beside those of @nacre/verify. */
export type ProofsErrorCode = keyof typeof FIXES

export type ProofsError = NacreError<ProofsErrorCode>

/** The codes as data, in the order of docs/errors.md. */
export const PROOFS_ERROR_CODES: readonly ProofsErrorCode[] = Object.keys(FIXES) as ProofsErrorCode[]

/** An error of proofs: the message says what and why, `fix` what to do. */
export function proofsError(code: ProofsErrorCode, message: string, options: ErrorOptions = {}): ProofsError {
  return new NacreError<ProofsErrorCode>(code, message, { fix: FIXES[code], ...options })
}
