import { request, waitForAnswer } from '@nacre/sdk'
import { encodeTensor, toHex } from '@nacre/verify'
import { chainClient, chainWallet } from '../cli/src/dev/clients.ts'
import { paramsOf } from '../cli/src/dev/questions.ts'
import { ACCOUNTS, QUESTION_DEADLINE } from '../cli/src/dev/settings.ts'
import type { Case } from './cases.ts'
import type { BenchNetwork } from './network.ts'
import { summary, type Times } from './stats.ts'

export type Relayed = { time: Times; gasRequest: number; gasFulfil: number }

const ROUNDS = 30
const WARM_UP = 3

/** From sending the request's transaction to seeing the fulfilment, which the chain has checked. Gas of the last. */
export async function benchRoundTrip(network: BenchNetwork, one: Case): Promise<Relayed> {
  const client = chainClient(network.rpcUrl)
  const wallet = chainWallet(network.rpcUrl, ACCOUNTS.user)
  const relay = network.deployment.relay
  const input = toHex(encodeTensor(one.input))
  const times: number[] = []
  let gas = { gasRequest: 0, gasFulfil: 0 }
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const deadline = BigInt(Math.floor(Date.now() / 1000) + QUESTION_DEADLINE)
    const maxGasPrice = 2n * (await client.getGasPrice())
    const asks = paramsOf({ artifact: one.artifact, releaseId: network.releaseId, deadline, maxGasPrice })
    const params = { ...asks, maxOutput: 8192 }
    const started = performance.now()
    const asked = await request({ client, wallet, relay, params, input })
    const answer = await waitForAnswer({ client, relay, id: asked.id, fromBlock: asked.blockNumber })
    if (round >= WARM_UP) times.push(performance.now() - started)
    if (answer.status !== 0) throw new Error(`the answer is an error, status ${answer.status}`)
    gas = { gasRequest: Number(asked.gasUsed), gasFulfil: Number(answer.gasUsed) }
  }
  return { time: summary(times), ...gas }
}
