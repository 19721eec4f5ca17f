import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createPrivateClient, type PrivateClient } from '@nacre/sdk'
import type { Hex } from '@nacre/verify'
import { saveReceipt } from '../dev/receipts.ts'
import { CliError, EXIT } from '../errors.ts'
import { nodeCrypto } from '../nodeCrypto.ts'
import { dim, green, type Output, plain, red, yellow } from '../output.ts'
import { createProxy } from './server.ts'
import { type Target, type TargetOptions, targetOf } from './target.ts'

export type ProxyCommandOptions = TargetOptions & {
  host: string
  port: number
  receipts?: string
  maxPrice?: string
  priceToken?: string
  holdBack?: boolean
  allowHost?: string[]
  allowOrigin?: string[]
}

/** `nacre proxy`: a local OpenAI endpoint until a signal; it starts only when an enclave of each model was verified. */
export async function proxy(options: ProxyCommandOptions, output: Output): Promise<number> {
  const target = targetOf(options)
  requireModels(target)
  const client = clientOf(target, options, output)
  const enclaves = await verifyAll(client, target.models)
  const server = createProxy({
    ...{ client, models: target.models },
    guard: {
      hosts: [...namesOf(options.host), ...(options.allowHost ?? [])],
      origins: options.allowOrigin ?? [],
    },
    onCall: ({ method, path, status, code, ms }) => {
      const outcome = code === undefined ? `${status}` : red(`${status} ${plain(code)}`)
      output.line(
        `${dim(new Date().toISOString().slice(11, 23))}  ${method} ${plain(path)}  ${outcome}  ${dim(`${ms} ms`)}`,
      )
    },
  })
  server.listen(options.port, options.host)
  await once(server, 'listening')
  const baseURL = baseUrlOf(server.address() as AddressInfo)
  output.result({ event: 'ready', baseURL, gateway: target.url, enclaves })
  for (const { model, enclave, assurance } of enclaves) {
    const simulated = assurance === 'simulated' ? yellow('  SIMULATED: no hardware vouches for it') : ''
    output.line(`${plain(model)}  enclave ${enclave}, verified${simulated}`)
  }
  output.line(
    green(`OpenAI API on ${baseURL}   sealed to these enclaves, through ${target.url}. Ctrl-C stops it.`),
  )
  await signalled()
  server.close()
  server.closeAllConnections()
  return EXIT.ok
}

/** A client of a target; each verified receipt becomes a file, as refused ones do, under a name that says so. */
function clientOf(target: Target, options: ProxyCommandOptions, output: Output): PrivateClient {
  const { receipts, holdBack, maxPrice, priceToken } = options
  const apiKey = process.env.NACRE_API_KEY
  return createPrivateClient({
    ...{ ...target, crypto: nodeCrypto },
    ...(apiKey !== undefined && { apiKey }),
    ...(holdBack === true && { holdBack }),
    ...(maxPrice !== undefined && { maxPrice: amountOf(maxPrice) }),
    ...(priceToken !== undefined && { priceToken: tokenOf(priceToken) }),
    ...(receipts !== undefined && {
      onReceipt: (bundle, { receiptId, ok }) => {
        const file = saveReceipt(receipts, ok ? receiptId : `${receiptId}.refused`, bundle)
        output.line(dim(`receipt ${file}`))
      },
    }),
  })
}

type Verified = { model: string; enclave: Hex; assurance: string; until: number }

/** @throws NacreError unverified-enclave and kin: without one there is nothing to listen for */
async function verifyAll(client: PrivateClient, models: Record<string, Hex>): Promise<Verified[]> {
  const found = Object.keys(models).map(async model =>
    (await client.enclaves(model)).map(({ report, until }) => ({
      ...{ model, enclave: report.identity.receiptKey, until: Number(until) },
      assurance: report.evidence.kind === 'simulated' ? 'simulated' : 'tee',
    })),
  )
  return (await Promise.all(found)).flat()
}

function requireModels({ models }: Target): void {
  if (Object.keys(models).length > 0) return
  throw new CliError('usage', {
    what: 'no model was named',
    why: 'names are the operator’s words: only a hash says which file answers',
    fix: '--model NAME=0x…, the SHA-256 of the model’s file as its publisher tells it',
  })
}

/** What a wildcard listens on has no name of its own. */
function namesOf(host: string): string[] {
  if (['0.0.0.0', '::'].includes(host)) return []
  return [host.includes(':') ? `[${host}]` : host.toLowerCase()]
}

function baseUrlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/v1`
}

function amountOf(text: string): bigint {
  if (/^\d{1,78}$/.test(text)) return BigInt(text)
  throw new CliError('usage', {
    what: `--max-price cannot be ${text}`,
    why: 'it is an amount in the token’s smallest unit',
    fix: 'for example --max-price 1000000000',
  })
}

function tokenOf(text: string): Hex {
  if (/^0x[0-9a-fA-F]{40}$/.test(text)) return text.toLowerCase() as Hex
  throw new CliError('usage', {
    what: `--price-token cannot be ${text}`,
    why: 'it is the address of a token',
    fix: 'pass 0x and 40 hex digits, or leave it out for the chain’s own coin',
  })
}

async function signalled(): Promise<void> {
  await Promise.race(['SIGINT', 'SIGTERM'].map(signal => once(process, signal)))
}
