import { type Hex, ZERO_ADDRESS } from '@nacre/verify'
import { formatEther, parseUnits } from 'viem'
import { CliError } from '../errors.ts'

const DECIMALS = { wei: 0, gwei: 9, ether: 18 } as const

/** Fits the contracts' price. */
const MAX = 2n ** 128n - 1n

/** An amount of the chain's coin with its unit, as cast takes it; of a token, a whole number of its smallest unit. */
export function parseAmount(text: string, token: Hex): bigint {
  const value = token === ZERO_ADDRESS ? ofCoin(text) : ofToken(text)
  if (value <= MAX) return value
  throw badAmount(text, 'it is larger than the contracts can hold')
}

export function formatAmount(value: bigint, token: Hex = ZERO_ADDRESS): string {
  return token === ZERO_ADDRESS ? `${formatEther(value)} ether` : `${value} of token ${token}`
}

/** Seconds of the chain's time as people read it. */
export function formatTime(seconds: bigint | number): string {
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

export function formatSeconds(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`
}

function ofCoin(text: string): bigint {
  const [, number = '', unit = ''] = /^(\d{1,40}(?:\.\d{1,18})?)(wei|gwei|ether)$/.exec(text) ?? []
  const decimals = DECIMALS[unit as keyof typeof DECIMALS]
  if (decimals === undefined) throw badAmount(text, 'it is no number with a unit')
  if ((number.split('.')[1]?.length ?? 0) > decimals)
    throw badAmount(text, `${unit} has ${decimals} decimals`)
  return parseUnits(number, decimals)
}

function ofToken(text: string): bigint {
  if (/^\d{1,40}$/.test(text)) return BigInt(text)
  throw badAmount(text, 'of a token it is a whole number of its smallest unit')
}

function badAmount(text: string, why: string): CliError {
  return new CliError('bad-input', {
    what: `${text} is not an amount`,
    why,
    fix: 'write it like 0.001ether, 500gwei or 1000wei',
  })
}
