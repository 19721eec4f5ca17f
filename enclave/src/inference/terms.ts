import { type Hex, messageOf } from '@nacre/verify'
import { amountOf, countOf, hexOf, objectOf } from '@nacre/verify/shape'
import { ChannelError } from '../errors.ts'
import { ApiError } from './apiErrors.ts'

/** What the host tells from time to time: the newest block, and prices a token, in the smallest unit of `token`. */
export type Terms = {
  anchor: { number: bigint; hash: Hex }
  prices: Prices
}
export type Prices = { token: Hex; prompt: bigint; completion: bigint }

/** A price of one token: whatever the count, the sum is below 2^256. */
const price = amountOf(192)

const parseTerms = objectOf<Terms>({
  anchor: objectOf<Terms['anchor']>({ number: countOf(64), hash: hexOf(32) }),
  prices: objectOf<Prices>({ token: hexOf(20), prompt: price, completion: price }),
})

/** @throws ChannelError malformed-json, malformed-job */
export function readTerms(body: Uint8Array): Terms {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (cause) {
    throw new ChannelError('malformed-json', 'the body is not JSON', cause)
  }
  try {
    return parseTerms(json, 'terms')
  } catch (cause) {
    throw new ChannelError('malformed-job', messageOf(cause), cause)
  }
}

/** @throws ApiError not_ready */
export function requireTerms(terms: Terms | undefined): Terms {
  if (terms) return terms
  throw new ApiError('not_ready', 'the operator has named no block and no prices yet: ask again')
}

export function priceOf(
  { prompt, completion }: Prices,
  tokens: { prompt: number; completion: number },
): bigint {
  return BigInt(tokens.prompt) * prompt + BigInt(tokens.completion) * completion
}
