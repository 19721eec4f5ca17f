import type { IncomingMessage } from 'node:http'

/** Whom a local endpoint answers; `origins` are those of web pages that may use it. */
export type GuardOptions = { hosts: readonly string[]; origins: readonly string[] }

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]']

/**
 * Why a request is not answered; undefined when it is. A web page that this machine's browser shows can send requests
 * here: its `Origin` tells it. A page whose name was made to lead here (DNS rebinding) is told by `Host`.
 */
export function reasonToRefuse(
  { headers }: IncomingMessage,
  { hosts, origins }: GuardOptions,
): string | undefined {
  const host = (headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
  if (![...LOOPBACK, ...hosts].includes(host)) return `this endpoint has not the name ${host.slice(0, 64)}`
  const { origin } = headers
  if (origin !== undefined && !origins.includes(origin))
    return `web pages of ${origin.slice(0, 64)} may not use this endpoint`
  return undefined
}
