import { type PublicClient, zeroAddress } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RpcProxy, startRpcProxy } from '../../testing/rpcProxy.ts'
import { type Anvil, startAnvil } from '../processes/anvil.ts'
import { createNodes } from './nodes.ts'

let anvil: Anvil
let witness: RpcProxy

beforeAll(async () => {
  anvil = await startAnvil()
  witness = await startRpcProxy(anvil.port)
})

afterAll(async () => {
  witness?.close()
  await anvil?.stop()
})

test('a witness that shows blocks and answers nothing else is not waited for until it is given up', async () => {
  let asked = 0
  witness.behave(async ({ method }, forward) => {
    if (method === 'eth_getBlockByNumber') return forward()
    asked++
    return new Promise(() => {})
  })
  const nodes = createNodes({ rpcUrl: anvil.rpcUrl, witnessUrl: witness.url, lagMs: 500 })
  await nodes.head()
  expect(nodes.witness()).toBeDefined()
  const count = (client: PublicClient) => client.getTransactionCount({ address: zeroAddress })
  expect(await nodes.answers(count)).toEqual([0])
  const question = { kind: 'nonce', of: zeroAddress, ask: count, weight: Number, enough: 1 }
  expect(await nodes.strictest(question)).toBe(0)
  // Given up it would have been after a second try of each.
  expect(asked).toBe(2)
})
