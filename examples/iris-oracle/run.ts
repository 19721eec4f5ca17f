/** A contract asks which iris a flower is: npx node examples/iris-oracle/run.ts [--state DIR] */
import { irisOracleAbi } from '@nacre/contracts'
import { deployConsumer } from '@nacre/sdk'
import { ask, collect, runExample, termsFor } from '../example.ts'

const SPECIES = ['setosa', 'versicolor', 'virginica']
/** Sepal length and width, petal length and width, cm. */
const FLOWER = [6.3, 2.9, 5.6, 1.8]

await runExample(async example => {
  const { network, alice, say } = example
  const { client, deployment } = network
  const params = termsFor(example, 'iris-mlp')
  const consumer = await deployConsumer({
    client,
    wallet: alice,
    relay: deployment.relay,
    kind: 'IrisOracle',
    params,
  })
  say(`IrisOracle at ${consumer} asks about ${FLOWER.join(', ')} cm`)

  const measurements = FLOWER.map(cm => BigInt(Math.round(cm * 10)) * 10n ** 17n)
  const call = { wallet: alice, consumer, abi: irisOracleAbi, functionName: 'ask', args: [measurements] }
  await collect(example, await ask(example, call))

  const [, , species, probability] = await client.readContract({
    address: consumer,
    abi: irisOracleAbi,
    functionName: 'last',
  })
  say(`the contract knows: ${SPECIES[species]}, ${(Number(probability) / 1e16).toFixed(1)} %`)
})
