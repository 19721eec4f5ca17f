import { readFileSync, writeFileSync } from 'node:fs'
import { call } from '@nacre/sdk/operatorHttp'
import {
  concatAll,
  type Hex,
  manifestHash,
  type ReceiptBundle,
  receiptId,
  releaseId,
  serializeBundle,
} from '@nacre/verify'
import { splitStream } from '@nacre/verify/answerStream'
import {
  type AnswerReceipt,
  answerBundle,
  parseAnswerId,
  parseAnswerReceipt,
  parseReport,
  reportsOf,
} from '@nacre/verify/inference'
import { CliError, EXIT } from '../errors.ts'
import type { Output } from '../output.ts'
import { type TargetOptions, targetOf } from '../proxy/target.ts'

export type FetchOptions = Pick<TargetOptions, 'gateway' | 'state'> & {
  request: string
  answer: string
  out?: string
}

/**
 * `nacre receipt fetch`: the bundle of an answer that came by any client, such as curl: the bytes are the two files', the
 * receipt is the enclave's. Nothing is verified here: `nacre receipt verify` does that, with the bytes.
 */
export async function fetchReceipt(options: FetchOptions, output: Output): Promise<number> {
  const [request, answer] = [read(options.request, 'request'), read(options.answer, 'answer')]
  const { id, model } = headOf(answer, options.answer)
  const { url } = targetOf(options)
  const receipt = parseAnswerReceipt(await call({ url }, `/v1/receipts/${id}`), 'receipt')
  const { identity, config, evidence, evidenceNonce, ...proof } = receipt
  const bundle = answerBundle({
    ...{ request, output: await outputOf(answer), proof },
    attestation: { identity, config, evidence, evidenceNonce },
    release: await releaseOf(url, model, receipt),
  })
  const file = options.out ?? `${options.answer}.receipt.json`
  writeFileSync(file, serializeBundle(bundle))
  output.line(`${file}: its checks are made by nacre receipt verify ${file} --policy FILE`)
  output.result({ file, receipt: idOf(bundle) })
  return EXIT.ok
}

function idOf(bundle: ReceiptBundle): Hex {
  return receiptId(bundle, bundle.receipt)
}

/** Id and model, as an answer's body or the first event of a stream says them. */
function headOf(answer: Uint8Array, file: string): { id: string; model: string } {
  try {
    const text = Buffer.from(answer).toString('utf8')
    const json = text.startsWith('data: ') ? text.slice('data: '.length, text.indexOf('\n')) : text
    const { id, model } = JSON.parse(json)
    if (parseAnswerId(id) && typeof model === 'string') return { id, model }
    throw new Error('it has no answer’s id')
  } catch (error) {
    throw badFile(
      `${file} is no answer of a language model`,
      error,
      'save the whole body: curl … --output FILE',
    )
  }
}

/** What the receipt is over: a body whole, a stream up to the receipt's event. */
async function outputOf(answer: Uint8Array): Promise<Uint8Array> {
  if (!Buffer.from(answer.subarray(0, 6)).equals(Buffer.from('data: '))) return answer
  const parts: Uint8Array[] = []
  for await (const part of splitStream([answer])) if (part.type === 'output') parts.push(part.bytes)
  return concatAll(parts)
}

/** The manifest is the operator's part: the configuration says which it has to be. */
async function releaseOf(
  url: string,
  model: string,
  { identity, config }: AnswerReceipt,
): Promise<ReceiptBundle['release']> {
  const query = new URLSearchParams({ model, signing_address: identity.receiptKey })
  const reports = reportsOf(await call({ url }, `/v1/attestation/report?${query}`))
  for (const one of reports) {
    const { release } = parseReport(one, 'report')
    if (release && releaseId(release.publisher, manifestHash(release.manifest)) === config.releaseId)
      return release
  }
  throw new CliError('bad-input', {
    what: `nobody at ${url} tells the manifest of release ${config.releaseId}`,
    why: 'a receipt is checked against the files that the release consists of',
    fix: 'ask the operator that answered',
  })
}

function read(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw badFile(`the ${what} ${path} cannot be read`, error, 'give the path of a readable file')
  }
}

function badFile(what: string, error: unknown, fix: string): CliError {
  return new CliError('bad-file', { what, why: error instanceof Error ? error.message : String(error), fix })
}
