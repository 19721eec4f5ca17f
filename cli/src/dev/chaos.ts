import { createHash, randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { relayAbi } from '@nacre/contracts'
import { type Hex, NacreError } from '@nacre/verify'
import { type Answered, type Asked, ask, collect, questionsOf } from './job.ts'
import { type Network, operatorName } from './network.ts'
import type { Operator } from './operators.ts'
import type { Question } from './questions.ts'

/** One round: an operator killed before it could answer, and what became of its request. */
export type Round = {
  number: number
  asked: Asked
  killed: Operator
  /** From the request's block to SIGKILL. */
  killedAfterMs: number
  /** Undefined when no answer came: the request was lost. */
  answered: Answered | undefined
  newKey: boolean
  /** From its start to the registration of its new key. */
  backMs: number
  /** What it answered afterwards. */
  again: Answered | undefined
  /** Requests of this round that were not answered exactly once. */
  notOnce: Hex[]
}

export type ChaosOptions = {
  network: Network
  operators: Operator[]
  rounds: number
  seed: number
  say: (text: string) => void
}

/** The longest pause between the request and the kill, ms: well within the relay's window. */
const MAX_PAUSE = 1_000
const MAX_ASKED = 100

/** Kills the operator that the chain assigned, round after round, and has another one answer. */
export async function* chaos(options: ChaosOptions): AsyncGenerator<Round> {
  for (let number = 1; number <= options.rounds; number++) yield await playRound(options, number)
}

/** What a round's seed decides. Who is assigned is not among it: that is drawn by the hash of the request's block. */
export function planRound(seed: number, number: number, questions: Question[]) {
  const hash = createHash('sha256').update(`${seed}:${number}`).digest()
  const question = questions[hash.readUInt32BE(0) % questions.length]!
  return { question, pauseMs: hash.readUInt32BE(4) % MAX_PAUSE }
}

/** Whether another operator answered, exactly once, and the killed one came back and answers again. */
export function survived({ killed, answered, newKey, again, notOnce }: Round): boolean {
  if (!answered || !again || notOnce.length > 0 || !newKey) return false
  const checked = [answered, again].every(one => one.checks.every(check => check.ok))
  return checked && answered.operator !== killed.account && again.operator === killed.account
}

export function randomSeed(): number {
  return randomInt(1_000_000_000)
}

async function playRound(options: ChaosOptions, number: number): Promise<Round> {
  const { network, seed, say } = options
  const { question, pauseMs } = planRound(seed, number, questionsOf(network))
  const { asked, assigned: killed, before } = await askWhileAllStandStill(options, question)
  const { id } = asked.requested
  say(`round ${number}: ${question.consumer} asks ${asked.model.name}, assigned to ${killed.name}`)
  await sleep(pauseMs)
  await killed.agent.kill()
  const killedAfterMs = performance.now() - asked.started
  say(`${killed.name} killed (SIGKILL) before it could answer; its window of the request has to pass`)
  const answered = await collectOrLose(network, asked)
  say(answered ? `${operatorName(network, answered.operator)} answered` : `request ${id} was NOT answered`)

  const oldKey = killed.receiptKey()
  const began = performance.now()
  await killed.start()
  const backMs = performance.now() - began
  const { again, after } = await askUntilItAnswers(network, question, killed)
  if (again) say(`${killed.name} answers again`)
  const newKey = killed.receiptKey() !== oldKey
  const notOnce = await notAnsweredOnce(network, [...before, asked, ...after])
  return { number, asked, killed, killedAfterMs, answered, newKey, backMs, again, notOnce }
}

/**
 * The chain assigns an operator when the request is mined, not before: all stand still until it is known, so that none
 * can have answered when it is killed. The assigned one goes on standing still. `before`: requests that were nobody's.
 */
async function askWhileAllStandStill({ network, operators }: ChaosOptions, question: Question) {
  const before: Asked[] = []
  for (let tries = 0; tries < MAX_ASKED; tries++) {
    let assigned: Operator | undefined
    let asked: Asked
    try {
      await Promise.all(operators.map(({ agent }) => agent.freeze()))
      asked = await ask(network, question)
      const account = await assignedOf(network, asked)
      assigned = operators.find(operator => operator.account === account)
    } finally {
      for (const operator of operators) if (operator !== assigned) operator.agent.thaw()
    }
    if (assigned) return { asked, assigned, before }
    before.push(asked)
    await collectOrLose(network, asked)
  }
  throw new Error(`none of ${MAX_ASKED} requests was assigned to an operator of this network`)
}

/** Each request falls on it by its share of the stake. */
async function askUntilItAnswers(network: Network, question: Question, operator: Operator) {
  const after: Asked[] = []
  while (after.length < MAX_ASKED) {
    const asked = await ask(network, question)
    after.push(asked)
    const answered = await collectOrLose(network, asked)
    if (answered?.operator === operator.account) return { again: answered, after }
  }
  return { again: undefined, after }
}

/** As of the next block, the first in which it can be answered. */
async function assignedOf({ client, deployment }: Network, { requested }: Asked): Promise<string> {
  const relay = { address: deployment.relay, abi: relayAbi } as const
  const args = [requested.request] as const
  const call = { ...relay, functionName: 'assignedOf', args, blockTag: 'pending' } as const
  const [operator] = await client.readContract(call)
  return operator.toLowerCase()
}

async function collectOrLose(network: Network, asked: Asked): Promise<Answered | undefined> {
  try {
    return await collect(network, asked)
  } catch (error) {
    const code = error instanceof NacreError ? error.code : ''
    if (code === 'answer-timeout' || code === 'request-expired') return undefined
    throw error
  }
}

async function notAnsweredOnce({ client, deployment }: Network, asked: Asked[]): Promise<Hex[]> {
  const ids = asked.map(({ requested }) => requested.id)
  const fromBlock = asked[0]!.requested.blockNumber
  const filter = {
    address: deployment.relay,
    abi: relayAbi,
    args: { id: ids },
    fromBlock,
    strict: true,
  } as const
  const events = await client.getContractEvents({ ...filter, eventName: 'Fulfilled' })
  return ids.filter(id => events.filter(event => event.args.id === id).length !== 1)
}
