import { lookup } from 'node:dns'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { toHex } from '@nacre/verify'
import type { Hex } from 'viem'

export type FetchInputOptions = {
  /** A URL in UTF-8, from the chain: whoever asks chose it. */
  source: Hex
  /** Why these bytes are not those that are wanted; undefined when they are. */
  refusal: (input: Hex) => string | undefined
  maxBytes: number
  timeoutMs: number
  /** Whether addresses that are not public may be asked: for development only. */
  allowPrivate: boolean
  signal?: AbortSignal
}

/** Why there is no input. `final`: asking again gives the same. */
export class InputError extends Error {
  readonly final: boolean

  constructor(message: string, final: boolean, cause?: unknown) {
    super(message, { cause })
    this.final = final
  }
}

const MAX_URL = 2048

/**
 * The input of a request by hash, over HTTP or HTTPS. A stranger names the address: only public ones are asked (the
 * address that is connected to is the one that was checked), redirects are refused, and time and size are bounded.
 * @throws InputError
 */
export async function fetchInput(options: FetchInputOptions): Promise<Hex> {
  const { refusal, timeoutMs, signal } = options
  const url = readUrl(options)
  const deadline = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])])
  const bytes = await get(url, options, deadline).catch(cause => {
    if (cause instanceof InputError) throw cause
    throw new InputError(deadline.aborted ? `not fetched in ${timeoutMs} ms` : messageOf(cause), false, cause)
  })
  const input = toHex(bytes)
  const why = refusal(input)
  if (why === undefined) return input
  throw new InputError(`${bytes.length} bytes were fetched: ${why}`, false)
}

function readUrl({ source, allowPrivate }: FetchInputOptions): URL {
  const text = Buffer.from(source.slice(2), 'hex').toString('utf8')
  const url = text.length <= MAX_URL ? URL.parse(text) : null
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username || url.password)
    throw new InputError('its source is no http or https URL', true)
  // An address instead of a name is never looked up.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) && !allowPrivate && isPrivate(host)) throw new InputError('its source is not public', true)
  return url
}

async function get(url: URL, options: FetchInputOptions, signal: AbortSignal): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  const settings = { agent: false, signal, lookup: lookupOf(options), headers: { accept: '*/*' } } as const
  send(url, settings, resolve).on('error', reject).end()
  const response = await promise
  try {
    if (response.statusCode !== 200) throw new InputError(`status ${response.statusCode}`, false)
    return await readBody(response, options.maxBytes)
  } finally {
    response.destroy()
  }
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw new InputError(`more than ${maxBytes} bytes`, false)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

/** Looks a name up and gives only addresses that may be asked, so that no second answer of the DNS is connected to. */
function lookupOf({ allowPrivate }: FetchInputOptions): LookupFunction {
  return (hostname, settings, callback) => {
    lookup(hostname, { ...settings, all: true }, (error, found) => {
      if (error) return callback(error, '')
      const allowed = found.filter(({ address }) => allowPrivate || !isPrivate(address))
      const [first] = allowed
      if (!first) return callback(new InputError('its source is not public', true), '')
      if (settings.all) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}

/** Addresses that are not the public internet's: IANA's special-purpose registries (RFC 6890). */
const SPECIAL = new BlockList()
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  SPECIAL.addSubnet(net, prefix, 'ipv4')
// Of IPv6 only 2000::/3 is the public internet; in it, tunnels and documentation are not.
for (const [net, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  SPECIAL.addSubnet(net, prefix, 'ipv6')
const PUBLIC_IPV6 = new BlockList()
PUBLIC_IPV6.addSubnet('2000::', 3, 'ipv6')

function isPrivate(address: string): boolean {
  if (isIP(address) === 4) return SPECIAL.check(address, 'ipv4')
  return !PUBLIC_IPV6.check(address, 'ipv6') || SPECIAL.check(address, 'ipv6')
}

/** Error messages of Node name addresses, never what was read. */
function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message.slice(0, 200) : 'unknown'
}
