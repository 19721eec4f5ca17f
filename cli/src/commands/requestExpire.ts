import { type AskedRequest, type Expired, expire, findRequest, overdueRequests } from '@nacre/sdk'
import { fromHex, type Hex } from '@nacre/verify'
import { formatEther } from 'viem'
import { chainWallet } from '../dev/clients.ts'
import { findNetwork } from '../dev/network.ts'
import { ACCOUNTS } from '../dev/settings.ts'
import { CliError, EXIT } from '../errors.ts'
import type { Output } from '../output.ts'

export type ExpireOptions = { overdue?: boolean; state: string }

/** `nacre request expire [ID | --overdue]`: ends requests that nobody answered in time; repeating it changes nothing. */
export async function expireRequests(
  id: string | undefined,
  options: ExpireOptions,
  output: Output,
): Promise<number> {
  const wanted = wantedOf(id, options)
  const { client, rpcUrl, deployment } = findNetwork(options.state)
  const range = { client, relay: deployment.relay, fromBlock: BigInt(deployment.block) }
  const requests =
    wanted === 'overdue'
      ? await overdueRequests(range)
      : [found(wanted, await findRequest({ ...range, id: wanted }))]
  const wallet = chainWallet(rpcUrl, ACCOUNTS.user)
  const expired: { request: AskedRequest; ended: Expired }[] = []
  const closed: Hex[] = []
  for (const request of requests) {
    const ended = await expire({ client, wallet, relay: deployment.relay, request })
    if (ended) expired.push({ request, ended })
    else closed.push(request.id)
    output.line(ended ? lineOf(request, ended) : `${request.id}  is closed: answered, or expired before`)
  }
  if (requests.length === 0) output.line('No open request is overdue.')
  output.result({ expired: expired.map(({ request, ended }) => jsonOf(request, ended)), closed })
  return EXIT.ok
}

function wantedOf(id: string | undefined, { overdue }: ExpireOptions): Hex | 'overdue' {
  const why = 'one request is expired by its id, or all that are overdue'
  const fix = 'nacre request expire ID, or nacre request expire --overdue'
  if ((id === undefined) === (overdue === undefined))
    throw new CliError('usage', {
      what: id === undefined ? 'no request is named' : 'both a request and --overdue are given',
      why,
      fix,
    })
  if (id === undefined) return 'overdue'
  try {
    fromHex(id, 32)
    return id as Hex
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CliError('bad-input', { what: `${id} is not the id of a request`, why, fix })
  }
}

function found(id: Hex, request: AskedRequest | undefined): AskedRequest {
  if (request) return request
  throw new CliError('bad-input', {
    what: `there is no request ${id}`,
    why: 'no event of this network’s relay has this id',
    fix: 'check the id; nacre request expire --overdue finds those that can be expired',
  })
}

function lineOf({ id, request }: AskedRequest, { assigned, slashed }: Expired): string {
  const duty = slashed === 0n ? 'nobody is slashed' : `operator ${assigned} loses ${formatEther(slashed)} ETH`
  return `${id}  expired: fee and deposit are credited to ${request.consumer}, ${duty}`
}

function jsonOf({ id, request }: AskedRequest, ended: Expired): object {
  return {
    request: id,
    consumer: request.consumer.toLowerCase(),
    assigned: ended.assigned.toLowerCase(),
    slashed: ended.slashed,
    transaction: ended.transactionHash,
    gas: Number(ended.gasUsed),
  }
}
