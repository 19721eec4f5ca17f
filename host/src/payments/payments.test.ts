import { createHash, randomBytes, randomInt } from 'node:crypto'
import { balancesAbi } from '@nacre/contracts'
import {
  createClient,
  createPayer,
  fetchSettlement,
  type Payer,
  release,
  reserve,
  signWithKey,
  withdrawBalance,
} from '@nacre/sdk'
import {
  DEFAULT_POLICY,
  fromHex,
  type Hex,
  type Receipt,
  type ReservationTerms,
  receiptId,
  releaseId,
  toHex,
} from '@nacre/verify'
import { zeroAddress } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { sampleOf } from '../../../models/samples.ts'
import { type AgentProcess, killAgent, startAgentProcess } from '../../testing/agentProcess.ts'
import {
  ARTIFACT,
  createWorld,
  DEPLOYER,
  eventually,
  FEE,
  INPUT,
  type World,
} from '../../testing/operatorWorld.ts'
import { reorganise, untilQuiet } from '../../testing/reorganise.ts'
import { honest, type RpcProxy, startRpcProxy } from '../../testing/rpcProxy.ts'
import { type Side, type SqlProxy, startSqlProxy } from '../../testing/sqlProxy.ts'

/** Chooses the order of the kills. NACRE_SEED=N repeats a run. */
const SEED = Number(process.env.NACRE_SEED ?? randomInt(2 ** 31))
/** As the world announces it. */
const PRICE = FEE / 2n
const ETHER = 10n ** 18n
const voucherKey = generatePrivateKey()

let world: World
let rpc: RpcProxy
let sql: SqlProxy
let agent: AgentProcess
let salt = 0n

beforeAll(async () => {
  world = await createWorld()
  rpc = await startRpcProxy(world.rpcPort)
  sql = await startSqlProxy(world.processes.server.port)
  agent = await start()
})

afterEach(async () => {
  rpc.behave(honest)
})

afterAll(async () => {
  await agent?.child.stop()
  rpc?.close()
  sql?.close()
  await world?.close()
})

/** Batches of three, settled within a second or two. */
function start(payments: Record<string, unknown> = {}): Promise<AgentProcess> {
  const databaseUrl = new URL(world.config.databaseUrl)
  databaseUrl.port = String(sql.port)
  return startAgentProcess(world, {
    rpcUrl: rpc.url,
    databaseUrl: databaseUrl.href,
    pollMs: 50,
    payments: { ...world.config.payments, batchSize: 3, settleAfterS: 1, ...payments },
  })
}

const balances = () => ({ address: world.deployment.balances, abi: balancesAbi }) as const
const domain = () => ({ chainId: 31_337n, balances: world.deployment.balances })
const credit = (account: Hex = world.operator.address) =>
  world.chain.readContract({ ...balances(), functionName: 'balanceOf', args: [account, zeroAddress] })
const left = async (id: Hex) =>
  (await world.chain.readContract({ ...balances(), functionName: 'reservationOf', args: [id] })).amount

function newTerms(changes: Partial<ReservationTerms> = {}): ReservationTerms {
  const { publisher, manifestHash } = world.release
  return {
    payer: privateKeyToAccount(DEPLOYER).address.toLowerCase() as Hex,
    signer: privateKeyToAccount(voucherKey).address.toLowerCase() as Hex,
    operator: world.operator.address.toLowerCase() as Hex,
    token: zeroAddress,
    releaseId: releaseId(publisher, manifestHash),
    assurance: 1,
    salt: salt++,
    ...changes,
  }
}

async function fund(terms: ReservationTerms, amount: bigint, seconds = 36_000n): Promise<Hex> {
  const { timestamp } = await world.chain.getBlock()
  const sending = {
    client: world.client,
    wallet: world.walletOf(DEPLOYER),
    balances: world.deployment.balances,
  }
  return (await reserve({ ...sending, terms, amount, expiresAt: timestamp + seconds })).id
}

const payerOf = (terms: ReservationTerms, maxPrice = PRICE, key: Hex = voucherKey): Payer =>
  createPayer({ domain: domain(), terms, maxPrice, sign: signWithKey(domain(), fromHex(key)) })

function clientOf(payer: Payer | undefined) {
  const policy = {
    ...DEFAULT_POLICY,
    assurance: ['simulated' as const],
    releases: [releaseId(world.release.publisher, world.release.manifestHash)],
  }
  return createClient({ url: agent.url, policy, developmentRoot: world.root, ...(payer && { payer }) })
}

const ask = async (payer: Payer): Promise<Receipt> =>
  (await clientOf(payer).infer({ artifact: ARTIFACT, input: sampleOf('iris-ols').input })).bundle.receipt

const untilSettled = (receipt: Receipt) =>
  eventually(async () => {
    const id = receiptId({ chainId: 31_337n, registry: world.deployment.enclaveRegistry }, receipt)
    const at = { client: world.client, balances: world.deployment.balances, receiptId: id }
    const found = await fetchSettlement({ url: agent.url }, at).catch(() => undefined)
    return found?.settled ? found : undefined
  })

test('answers are paid for in batches, each once, and the proofs hold on chain', async () => {
  const before = await credit()
  const terms = newTerms()
  const payer = payerOf(terms)
  const id = await fund(terms, ETHER)
  const receipts: Receipt[] = []
  for (let i = 0; i < 7; i++) receipts.push(await ask(payer))
  const settled = await Promise.all(receipts.map(untilSettled))
  expect(new Set(settled.map(({ root }) => root)).size).toBeGreaterThanOrEqual(3)
  expect(settled.map(({ price }) => price)).toEqual(Array(7).fill(PRICE))
  expect(await credit()).toBe(before + 7n * PRICE)
  expect(await left(id)).toBe(ETHER - 7n * PRICE)
})

test('the same question under the same voucher costs once and has the same receipt', async () => {
  const terms = newTerms()
  await fund(terms, ETHER)
  const payer = payerOf(terms)
  const question = await questionOf(payer)
  const once = await post(question)
  expect(once.status).toBe(200)
  expect(await post(question)).toEqual(once)
  // Signed for another question, with the same index.
  const again = { ...question, nonce: toHex(randomBytes(32)) }
  const sameIndex = async () => Response.json({ nextIndex: question.payment.index })
  const payment = await payerOf(terms).pay({ url: agent.url, fetch: sameIndex }, again, async one => one)
  const other = await post({ ...again, payment })
  expect([other.status, other.body.error?.code]).toEqual([402, 'PAYMENT_REQUIRED'])
  const before = await credit()
  await untilSettled(once.body.receipt as unknown as Receipt)
  expect(await credit()).toBe(before + PRICE)
})

test.each<[string, string, (terms: ReservationTerms) => Promise<unknown>]>([
  ['that holds nothing', 'holds nothing', async terms => ask(payerOf(terms))],
  [
    'that is used up',
    'is used',
    async terms => {
      await fund(terms, 2n * PRICE - 1n)
      const payer = payerOf(terms)
      await ask(payer)
      await ask(payer)
    },
  ],
  [
    'that expires soon',
    'expires in',
    async terms => {
      await fund(terms, ETHER, 600n)
      await ask(payerOf(terms))
    },
  ],
  [
    'whose voucher pays less than the price',
    'The price is',
    async terms => {
      await fund(terms, ETHER)
      await ask(payerOf(terms, PRICE - 1n))
    },
  ],
  [
    'whose voucher somebody else signed',
    'voucher',
    async terms => {
      await fund(terms, ETHER)
      await ask(payerOf(terms, PRICE, generatePrivateKey()))
    },
  ],
  ['for another operator', 'pays 0x', async terms => ask(payerOf({ ...terms, operator: zeroAddress }))],
  [
    'for another release',
    'believes',
    async terms => ask(payerOf({ ...terms, releaseId: `0x${'11'.repeat(32)}` })),
  ],
  ['for real TEEs', 'assurance', async terms => ask(payerOf({ ...terms, assurance: 2 }))],
  [
    'in a token that is not accepted',
    'not accepted',
    async terms => ask(payerOf({ ...terms, token: world.deployment.token })),
  ],
])('a reservation %s is refused, and nothing is charged', async (_, why, attempt) => {
  const terms = newTerms()
  const error = await attempt(terms).then(
    () => undefined,
    (reason: Error) => reason,
  )
  expect(error).toMatchObject({ code: 'operator-error' })
  expect(error?.message).toContain('PAYMENT_REQUIRED')
  expect(error?.message).toContain(why)
})

test('what is left goes back to the payer after the expiry', async () => {
  const terms = newTerms()
  const id = await fund(terms, ETHER, 1_000n)
  const receipt = await ask(payerOf(terms))
  await untilSettled(receipt)
  const sending = {
    client: world.client,
    wallet: world.walletOf(DEPLOYER),
    balances: world.deployment.balances,
  }
  await expect(release({ ...sending, terms })).rejects.toMatchObject({ code: 'relay-reverted' })
  const snapshot = await world.chain.snapshot()
  await world.chain.increaseTime({ seconds: 1_100 })
  await world.chain.mine({ blocks: 1 })
  await release({ ...sending, terms })
  expect(await left(id)).toBe(0n)
  expect(await credit(terms.payer)).toBe(ETHER - PRICE)
  await withdrawBalance({ ...sending, token: zeroAddress })
  expect(await credit(terms.payer)).toBe(0n)
  await world.chain.revert({ id: snapshot })
  await untilRead()
})

test('an enclave that dies loses no pay: what it counted is settled, the next one begins another batch', async () => {
  const terms = newTerms()
  const id = await fund(terms, ETHER)
  const payer = payerOf(terms)
  const first = await ask(payer)
  const { enclavePid, receiptKey } = await health()
  process.kill(enclavePid, 'SIGKILL')
  await eventually(async () =>
    (await health()).receiptKey === receiptKey ? undefined : (await health()).ok || undefined,
  )
  const second = await ask(payer)
  const [one, two] = await Promise.all([untilSettled(first), untilSettled(second)])
  expect(one.root).not.toBe(two.root)
  expect(await left(id)).toBe(ETHER - 2n * PRICE)
})

test('a settlement that a reorganisation drops is settled again, once', async () => {
  const terms = newTerms()
  const id = await fund(terms, ETHER)
  const before = await credit()
  await world.chain.mine({ blocks: 8 })
  const receipt = await ask(payerOf(terms))
  await untilSettled(receipt)
  await untilQuiet(world.chain)
  void holdSettlement('drop')
  await reorganise(world.chain, 4, [])
  expect(await credit()).toBe(before)
  rpc.behave(honest)
  await untilRead()
  await untilSettled(receipt)
  expect(await credit()).toBe(before + PRICE)
  expect(await left(id)).toBe(ETHER - PRICE)
})

test('a settlement that somebody else sends first pays the operator, and is not sent for nothing', async () => {
  const terms = newTerms()
  const id = await fund(terms, ETHER)
  const held = holdSettlement('drop')
  const receipt = await ask(payerOf(terms))
  await held
  const { rows } = await world.database.query(
    `select data from transactions where purpose like $1 and state = 'pending'`,
    [`settle:${id}:%`],
  )
  const copier = world.walletOf(DEPLOYER)
  await world.mined(await copier.sendTransaction({ to: world.deployment.balances, data: rows[0].data }))
  rpc.behave(honest)
  await untilSettled(receipt)
  expect(await left(id)).toBe(ETHER - PRICE)
  const ended = 'select reason from batches where reservation = $1'
  await eventually(async () => {
    // The agent sends what waits again after a block, now and then.
    await world.chain.mine({ blocks: 1 })
    const { reason } = (await world.database.query(ended, [id])).rows[0]
    return reason === 'settled-by-another' ? true : undefined
  })
  expect(await unsettled(id)).toBe(0n)
})

test('many full batches do not stand before what the relay waits for: four are sent, the others after them', async () => {
  const held = holdSettlement('drop')
  const ids: Hex[] = []
  for (let i = 0; i < 6; i++) {
    const terms = newTerms()
    ids.push(await fund(terms, ETHER))
    const payer = payerOf(terms)
    for (let j = 0; j < 3; j++) await ask(payer)
  }
  await held
  const submitted = async () => {
    const states = `select count(*)::int as n from batches where state = 'submitted' and reservation = any($1)`
    return (await world.database.query(states, [ids])).rows[0].n
  }
  await eventually(async () => ((await submitted()) === 4 ? true : undefined))
  // Three looks of the settler.
  await new Promise(resolve => setTimeout(resolve, 1_500))
  expect(await submitted()).toBe(4)
  rpc.behave(honest)
  await eventually(async () => ((await submitted()) === 6 ? true : undefined))
  for (const id of ids) await eventually(async () => ((await unsettled(id)) === 0n ? true : undefined))
})

test('a database that stands still holds up one payer, not the others; what was counted before it failed is paid', async () => {
  await killAgent(agent)
  agent = await start({ settleAfterS: 600 })
  const terms = newTerms()
  const others = newTerms()
  const id = await fund(terms, ETHER)
  await fund(others, ETHER)
  const payer = payerOf(terms)
  const receipts = [await ask(payer)]
  const stored = sql.hold(WRITES['a paid answer']!, 'before')
  const questions = await Promise.all(Array.from({ length: 12 }, () => questionOf(payer)))
  const forged = questions.map(({ payment, ...rest }) => ({ ...rest, payment: { ...payment, index: 99 } }))
  const calls = [post(questions[0]!)]
  await stored
  for (const question of questions.slice(1)) calls.push(post(question))
  // Nobody else can fill this payer's queue, and it fills nobody else's.
  for (const answer of await Promise.all(forged.map(post)))
    expect([answer.status, answer.body.error?.code]).toEqual([402, 'PAYMENT_REQUIRED'])
  // The one whose write is held, seven behind it, and no more.
  let refused = 0
  for (const call of calls) void call.then(({ body }) => body.error?.code === 'TOO_BUSY' && refused++)
  await eventually(async () => (refused === questions.length - 8 ? true : undefined))
  await ask(payerOf(others))
  sql.cut()
  const [failed, ...answers] = await Promise.all(calls)
  expect(failed).toMatchObject({ status: 503, body: { error: { code: 'DATABASE_UNAVAILABLE' } } })
  // What arrives after a higher index is refused.
  for (const { status, body } of answers)
    if (status === 200) receipts.push(body.receipt as unknown as Receipt)
  // The batch from before the failure is not full: one that follows it, and is, waits for it.
  const next = payerOf(terms)
  for (let i = 0; i < 3; i++) receipts.push(await ask(next))
  await Promise.all(receipts.slice(0, -3).map(untilSettled))
  const rest = await eventually(async () => {
    const open = await unsettled(id)
    return open < 3n * PRICE ? open : undefined
  })
  expect(ETHER - (await left(id)) + rest).toBe(BigInt(receipts.length) * PRICE)
})

const WRITES: Record<string, RegExp> = {
  'a paid answer': /insert into "paid_answers"/,
  'a settlement with its nonce': /insert into "attempts"/,
}
const SIDES: Side[] = ['before', 'after']
const points = [
  ...Object.entries(WRITES).flatMap(([what, pattern]) =>
    SIDES.map(side => ({ name: `${side} ${what} is stored`, arm: () => sql.hold(pattern, side) })),
  ),
  { name: 'before a settlement is sent', arm: () => holdSettlement() },
]

test.each(shuffled(points))(
  `kill -9 $name: every voucher is paid at most once, and no answer is unpaid (seed ${SEED})`,
  async ({ arm }) => {
    const terms = newTerms()
    const id = await fund(terms, ETHER)
    const payer = payerOf(terms)
    const receipts = [await ask(payer), await ask(payer)]
    const reached = arm()
    const last = ask(payer).then(
      receipt => receipt,
      () => undefined,
    )
    await reached
    await killAgent(agent)
    rpc.behave(honest)
    const cut = await last
    agent = await start()
    receipts.push(await ask(payer))
    if (cut) receipts.push(cut)
    await Promise.all(receipts.map(untilSettled))
    // What was stored and not delivered is paid too; the answer that nobody has may be one of the two.
    const paid = (ETHER - (await left(id))) / PRICE
    expect(Number(paid)).toBeGreaterThanOrEqual(receipts.length)
    expect(Number(paid)).toBeLessThanOrEqual(4)
    await eventually(async () => ((await unsettled(id)) === 0n ? true : undefined))
    expect(ETHER - (await left(id))).toBe(await stored(id))
  },
)

test('no wei is lost or doubled', async () => {
  const events = await world.chain.getContractEvents({ ...balances(), fromBlock: 0n, strict: true })
  const of = (name: string) =>
    events.filter(({ eventName }) => eventName === name).map(({ args }) => args as never)
  const reserved = of('Reserved').reduce((sum, { added }) => sum + added, 0n)
  const settled = of('Settled').reduce((sum, { paid }) => sum + paid, 0n)
  expect(await credit()).toBe(settled)
  const ids = new Set(of('Reserved').map(({ id }: { id: Hex }) => id))
  const rest = await Promise.all([...ids].map(left))
  expect(await world.chain.getBalance({ address: world.deployment.balances })).toBe(reserved)
  expect(rest.reduce((sum, one) => sum + one, 0n) + settled).toBe(reserved)
})

type Health = { ok: boolean; block: number; receiptKey: Hex; enclavePid: number }

type Posted = { status: number; body: Record<string, { code?: string }> }

async function post(body: object): Promise<Posted> {
  const headers = { 'content-type': 'application/json' }
  const sent = { method: 'POST', headers, body: JSON.stringify(body) }
  const response = await fetch(`${agent.url}/v1/infer`, sent)
  return { status: response.status, body: (await response.json()) as Posted['body'] }
}

/** A question of its own with the next voucher, to be sent by hand. */
async function questionOf(payer: Payer) {
  const question = { nonce: toHex(randomBytes(32)), artifact: ARTIFACT, input: INPUT }
  const payment = await payer.pay({ url: agent.url }, question, async payment => payment)
  return { ...question, payment }
}

async function health(): Promise<Health> {
  return (await (await fetch(`${agent.url}/health`)).json()) as Health
}

/** The chain is another one than the agent has read: waits until it has read a block that is new. */
async function untilRead(): Promise<void> {
  // More than were dropped: its number is none that the agent has read.
  await world.chain.mine({ blocks: 8 })
  await eventually(async () => {
    const { ok, block } = await health()
    return ok && block === Number(await world.chain.getBlockNumber()) ? true : undefined
  })
}

async function unsettled(id: Hex): Promise<bigint> {
  const response = await fetch(`${agent.url}/v1/reservations/${id}`)
  return BigInt(((await response.json()) as { unsettled: string }).unsettled)
}

/** Prices of the answers that the operator has stored. */
async function stored(id: Hex): Promise<bigint> {
  const { rows } = await world.database.query('select sum(price) from paid_answers where reservation = $1', [
    id,
  ])
  return BigInt(rows[0].sum)
}

/** No transaction gets to the node any more; resolves when there is one. */
function holdSettlement(answer: 'drop' | Promise<never> = new Promise<never>(() => {})): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  rpc.behave(({ method }, forward) => {
    if (method !== 'eth_sendRawTransaction') return forward()
    resolve()
    return Promise.resolve(answer)
  })
  return promise
}

function shuffled<T extends { name: string }>(items: T[]): T[] {
  const order = ({ name }: T) => createHash('sha256').update(`${SEED}:${name}`).digest('hex')
  return items.toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
}
