import { waitForAnswer } from '@nacre/sdk'
import { readZkAnswer, verifyZkAnswer } from '@nacre/sdk/zk/answer'
import { requestZk } from '@nacre/sdk/zk/request'
import { decodeTensor, fromHex, ZERO_ADDRESS } from '@nacre/verify'
import { chainWallet } from '../../dev/clients.ts'
import { findNetwork, type Network } from '../../dev/network.ts'
import { printChecks } from '../../dev/report.ts'
import { ACCOUNTS, CALLBACK_GAS, PRICE } from '../../dev/settings.ts'
import { EXIT } from '../../errors.ts'
import { readRows } from '../../models/rows.ts'
import { parseAmount } from '../../operator/amounts.ts'
import { bold, green, type Output, red, yellow } from '../../output.ts'
import { type Container, readContainer } from './files.ts'
import { keyOfContainer, type OwnKey } from './keyFiles.ts'
import { checkRows, clampedText, integersOf } from './prove.ts'
import { printTold, say, toldOf } from './told.ts'

export type RequestOptions = { key?: string; fee?: string; timeout: number; state: string }

/**
 * `nacre zk request CONTAINER INPUT`: asks the relay of a running development network for a proven answer, and checks the
 * proof again here, from the transaction that fulfilled it.
 */
export async function request(
  path: string,
  text: string,
  options: RequestOptions,
  output: Output,
): Promise<number> {
  const container = readContainer(path)
  const key = keyOfContainer(path, options.key)
  const rows = readRows(text)
  checkRows(container, rows, {})
  const { input, clamped } = integersOf(container, rows)
  const network = findNetwork(options.state)
  output.line(yellow('SIMULATED development network'))
  if (clamped > 0) output.line(yellow(clampedText(container, clamped)))

  const started = performance.now()
  const asked = await ask(network, container, key, input, options)
  say(`request ${asked.id}; waiting for its proof, at most ${options.timeout} s`)
  const { client, deployment } = network
  const { relay } = deployment
  const fulfilled = await waitForAnswer({
    ...{ client, relay, id: asked.id },
    fromBlock: asked.blockNumber,
    timeout: options.timeout * 1000,
  })
  const latencyMs = Math.round(performance.now() - started)
  const { transactionHash } = fulfilled
  const answer = await readZkAnswer({ client, relay, id: asked.id, transactionHash })
  const { graph } = container
  const { checks, ok } = verifyZkAnswer(answer, {
    keyFile: key.bytes,
    asked: { graph, input },
    domain: { chainId: BigInt(deployment.chainId), registry: deployment.enclaveRegistry },
    requestId: asked.id,
    receiptId: fulfilled.receiptId,
  })
  const told = ok
    ? toldOf(graph.outputs[0]!, integersOfOutput(answer.output), 1, container.scales)
    : undefined

  if (told) printTold(output, 'output', told)
  output.line(
    `operator     ${fulfilled.operator.toLowerCase()}, ${latencyMs} ms; gas ${asked.gasUsed} + ${fulfilled.gasUsed}`,
  )
  printChecks(output, checks)
  output.line(
    ok
      ? green(
          bold('A proof was verified on chain, and here again: this network maps this input to this output.'),
        )
      : red('The answer does NOT verify here: do not use it.'),
  )
  output.line(yellow('The input and the output are public; a development setup proves nothing to others.'))
  output.result({
    ok,
    request: asked.id,
    artifact: key.artifact,
    operator: fulfilled.operator.toLowerCase(),
    ...(told && { output: told }),
    clamped,
    latency_ms: latencyMs,
    gas_request: Number(asked.gasUsed),
    gas_fulfil: Number(fulfilled.gasUsed),
    transaction: transactionHash,
    receipt: fulfilled.receiptId,
    checks,
  })
  return ok ? EXIT.ok : EXIT.checkFailed
}

async function ask(
  { client, deployment, rpcUrl }: Network,
  { graph }: Container,
  { artifact, dims }: OwnKey,
  input: Int32Array,
  { fee, timeout }: RequestOptions,
) {
  const [{ timestamp }, gasPrice] = await Promise.all([client.getBlock(), client.getGasPrice()])
  const now = Math.max(Number(timestamp), Math.floor(Date.now() / 1000))
  const terms = {
    feeToken: ZERO_ADDRESS,
    fee: fee === undefined ? PRICE : parseAmount(fee, ZERO_ADDRESS),
    maxOutput: tensorBytes(dims),
    callbackGas: CALLBACK_GAS,
    maxGasPrice: 2n * gasPrice,
    deadline: BigInt(now + Math.min(Math.max(timeout, LEAST_DEADLINE), MOST_DEADLINE)),
  }
  const wallet = chainWallet(rpcUrl, ACCOUNTS.user)
  return requestZk({ client, wallet, relay: deployment.relay, artifact, graph, input, terms })
}

/** Seconds; the development network's bounds. */
const LEAST_DEADLINE = 30
const MOST_DEADLINE = 3_600

/** Of int32, as canonical bytes: no more is paid for, and no less is taken. */
function tensorBytes(dims: readonly number[]): number {
  return 3 + 4 * dims.length + 4 * dims.reduce((product, dim) => product * dim, 1)
}

function integersOfOutput(output: `0x${string}`): Int32Array {
  return decodeTensor(fromHex(output)).data as Int32Array
}
