/** ISO 4217: codes with two decimals, any two of which differ in at least two letters, and their numbers. */
export const CURRENCIES: Readonly<Record<string, number>> = {
  AUD: 36,
  CAD: 124,
  CHF: 756,
  DKK: 208,
  EUR: 978,
  GBP: 826,
  NOK: 578,
  PLN: 985,
  SEK: 752,
  USD: 840,
}

/** In minor units (cents). */
export type Money = { amount: bigint; currency: string }

/** The words of a line that name an amount, without spaces; where cells meet there is a bar. */
const CODE = `(${Object.keys(CURRENCIES).join('|')})`
const MONEY = new RegExp(`^(?:\\(?${CODE}\\)?[:.]*\\|?)?([$S])?([\\d.,:']+?)[.,:']*\\|?${CODE}?$`, 'i')
const CODES = new RegExp(CODE, 'gi')
/** Thousands in groups of three or not grouped at all, and exactly two decimals: 1,234.50 and 1.234,50 and 1234.50. */
const AMOUNT = /^(\d{1,3}(?:[.,:']+\d{3})+|\d{1,12})[.,:']+(\d{2})$/

/**
 * The money that a text names, or why it names none. Whether a separator is a point or a comma does not matter: what
 * comes before two last digits is the decimal one. The currency is a code beside the amount; a dollar sign is one
 * when the invoice names US dollars and no others.
 */
export function readMoney(text: string, named: ReadonlySet<string>): Money | string {
  const match = MONEY.exec(text)
  const amount = AMOUNT.exec(match?.[3] ?? '')
  if (!match || !amount || amount[1]!.length > 15) return 'the amount is not clear'
  const codes = new Set(
    [match[1], match[4]].filter(code => code !== undefined).map(code => code.toUpperCase()),
  )
  // A dollar sign is often read as an S, and no amount begins with one.
  const isDollar = match[2] !== undefined
  if (match[2] === '$' && codes.size === 0 && onlyUsDollars(named)) codes.add('USD')
  const [currency] = codes
  if (codes.size !== 1 || currency === undefined || (isDollar && !currency.endsWith('D')))
    return 'the currency is not clear: write its code beside the amount'
  return { amount: BigInt(amount[1]!.replace(/\D/g, '') + amount[2]), currency }
}

/** The currency codes in a text. */
export function codesIn(text: string): string[] {
  return (text.match(CODES) ?? []).map(code => code.toUpperCase())
}

function onlyUsDollars(named: ReadonlySet<string>): boolean {
  return [...named].filter(code => code.endsWith('D')).join() === 'USD'
}
