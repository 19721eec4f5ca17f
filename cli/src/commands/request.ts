import { request as askRelay } from '@nacre/sdk'
import { decodeTensor, encodeTensor, fromHex, type Hex, STATUS, type Tensor, toHex } from '@nacre/verify'
import { findModel, type Model, readCatalog } from '../catalog.ts'
import { chainWallet } from '../dev/clients.ts'
import { answerTo, bundleOf, textOf } from '../dev/job.ts'
import { findNetwork, type Network, operatorName } from '../dev/network.ts'
import { paramsOf } from '../dev/questions.ts'
import { saveReceipt, verifyFile } from '../dev/receipts.ts'
import { printChecks } from '../dev/report.ts'
import { ACCOUNTS, QUESTION_DEADLINE } from '../dev/settings.ts'
import { CliError, EXIT } from '../errors.ts'
import { readRows } from '../models/rows.ts'
import { bold, type Output, plain, red, yellow } from '../output.ts'
import { statePaths } from '../paths.ts'

export type RequestOptions = {
  input?: string
  sample?: string
  timeout: number
  watch?: boolean
  state: string
}

type Question = { text: string; input: Tensor; describe: (output: Tensor) => string }

/** `nacre request MODEL`: through the relay of a running development network, from its user's plain account. */
export async function request(name: string, options: RequestOptions, output: Output): Promise<number> {
  const model = findModel(readCatalog(statePaths(options.state)), name)
  const question = await questionOf(model, options)
  const network = findNetwork(options.state)
  output.line(yellow('SIMULATED development network'))
  output.line(question.text)

  const started = performance.now()
  const asked = await ask(network, model, question.input)
  const hops = options.watch ? await hopsOf(asked.id, options, output) : undefined
  const answer = await answerTo(network, asked, options.timeout * 1000)
  const latencyMs = Math.round(performance.now() - started)
  const bundle = await bundleOf(network, answer)
  const file = saveReceipt(network.paths.receipts, answer.receiptId, bundle)
  const consumer = ACCOUNTS.user.address.toLowerCase() as `0x${string}`
  const checks = await verifyFile(network, file, { requestId: asked.id, consumer, artifact: model.artifact })

  const verified = checks.every(check => check.ok)
  const ok = verified && answer.status === STATUS.ok
  const text =
    answer.status === STATUS.ok ? question.describe(decodeTensor(fromHex(bundle.output))) : textOf(bundle)
  output.line(verified ? bold(plain(text)) : red('The receipt does not verify: do not use the answer.'))
  output.line(
    `${operatorName(network, answer.operator)}, ${latencyMs} ms; gas ${asked.gasUsed} + ${answer.gasUsed}; receipt ${file}`,
  )
  printChecks(output, checks)
  output.result({
    ok,
    model: model.name,
    artifact: model.artifact,
    status: answer.status,
    ...(verified && { answer: text }),
    operator: answer.operator.toLowerCase(),
    latency_ms: latencyMs,
    gas_request: Number(asked.gasUsed),
    gas_fulfil: Number(answer.gasUsed),
    request: asked.id,
    receipt: answer.receiptId,
    file,
    checks,
    ...(hops && { hops }),
  })
  return ok ? EXIT.ok : EXIT.checkFailed
}

/** Tells the hops until it is answered or refunded. */
async function hopsOf(id: Hex, { state, timeout }: RequestOptions, output: Output): Promise<object[]> {
  const { followAloud, hopsJson } = await import('../watch/watch.ts')
  const { sourceOf } = await import('../watch/source.ts')
  return hopsJson((await followAloud(await sourceOf({ state }), id, timeout * 1000, output)).followed)
}

async function ask(network: Network, model: Model, input: Tensor) {
  const { client, deployment, releaseId, rpcUrl } = network
  const [{ timestamp }, gasPrice] = await Promise.all([client.getBlock(), client.getGasPrice()])
  const now = BigInt(Math.max(Number(timestamp), Math.floor(Date.now() / 1000)))
  const deadline = now + BigInt(QUESTION_DEADLINE)
  const params = paramsOf({ artifact: model.artifact, releaseId, deadline, maxGasPrice: 2n * gasPrice })
  const wallet = chainWallet(rpcUrl, ACCOUNTS.user)
  return askRelay({ client, wallet, relay: deployment.relay, params, input: toHex(encodeTensor(input)) })
}

async function questionOf(model: Model, options: RequestOptions): Promise<Question> {
  if (options.input !== undefined && options.sample !== undefined)
    throw badInput('both --input and --sample are given', 'a request has one input', 'pass one of them')
  if (options.input !== undefined) {
    const input = tensorOf(model, readRows(options.input))
    return { text: `${model.name}, ${input.dims.join(' × ')} values`, input, describe: showTensor }
  }
  const { sampleCount, sampleOf } = await import('../../../models/samples.ts')
  const { sample: text = '0' } = options
  const count = sampleCount(model.name)
  if (!/^\d{1,9}$/.test(text) || Number(text) >= count) throw noSample(model, text, count)
  const sample = sampleOf(model.name as Parameters<typeof sampleOf>[0], Number(text))
  return { text: sample.question, input: sample.input, describe: sample.describe }
}

/** Digits are bytes, everything else is float32; the enclave refuses what its model does not take. */
function tensorOf(model: Model, rows: number[][]): Tensor {
  const [count, width] = [rows.length, rows[0]!.length]
  if (model.name !== 'lenet5')
    return { dtype: 'float32', dims: [count, width], data: Float32Array.from(rows.flat()) }
  if (width !== 784 || rows.flat().some(value => !Number.isInteger(value) || value < 0 || value > 255))
    throw badInput(
      'this is not a digit',
      'lenet5 takes rows of 784 whole numbers from 0 to 255',
      'try --sample 0',
    )
  return { dtype: 'uint8', dims: [count, 1, 28, 28], data: Uint8Array.from(rows.flat()) }
}

function showTensor(tensor: Tensor): string {
  return `${tensor.dtype} [${tensor.dims.join(', ')}]: ${Array.from(tensor.data as Float32Array)
    .slice(0, 20)
    .join(', ')}`
}

function noSample({ name }: Model, text: string, count: number): CliError {
  if (count === 0)
    return badInput(`${name} has no samples`, 'it was added to this network', 'pass --input JSON')
  const range = `from 0 to ${count - 1}`
  return badInput(
    `${name} has no sample ${text}`,
    `its held-out samples are numbered ${range}`,
    `pass --sample N, ${range}, or --input JSON`,
  )
}

function badInput(what: string, why: string, fix: string): CliError {
  return new CliError('bad-input', { what, why, fix })
}
