import type { Random } from './random.ts'

/** What an invoice says, before it is drawn. Amounts in minor units (cents). */
export type Invoice = {
  seller: string
  date: string
  currency: Currency
  items: { name: string; amount: number }[]
  tax: number
  total: number
  style: Style
}

export type Currency = { code: string; numeric: number; symbol?: string }

/** How amounts and labels are written. */
export type Style = {
  separators: { thousands: string; decimal: string }
  /** EUR 1.00; 1.00 EUR; "$1.00" with USD named elsewhere; "Total (EUR)" and €1.00. */
  money: 'before' | 'after' | 'dollar' | 'label'
  labels: { subtotal: string; tax: string; total: string }
  showsSubtotal: boolean
}

export const CURRENCIES: readonly Currency[] = [
  { code: 'EUR', numeric: 978, symbol: '€' },
  { code: 'USD', numeric: 840, symbol: '$' },
  { code: 'GBP', numeric: 826, symbol: '£' },
  { code: 'CHF', numeric: 756 },
]

const SEPARATORS = [
  { thousands: ',', decimal: '.' },
  { thousands: '.', decimal: ',' },
  { thousands: ' ', decimal: ',' },
  { thousands: "'", decimal: '.' },
  { thousands: '', decimal: '.' },
] as const
const MONEY = ['before', 'after', 'before', 'after', 'label'] as const
const DOLLARS = ['before', 'after', 'dollar', 'label'] as const
const TOTALS = ['Total', 'TOTAL', 'Grand total', 'Amount due', 'Total due', 'Invoice total', 'Balance due']
const TAXES = ['VAT', 'Tax', 'Sales tax']
const SUBTOTALS = ['Subtotal', 'Sub-total', 'Net amount']
const SELLERS = [
  'Harbour Glass Ltd',
  'Alder & Finch',
  'North Road Tools',
  'Lumen Print Works',
  'Delta Garden',
]
const THINGS = ['Oak shelf', 'Glass panes', 'Delivery', 'Paint, white', 'Assembly', 'Steel brackets', 'Lamp']

/** An invoice with labels that can be told from its picture. */
export function makeInvoice(random: Random): Invoice {
  const currency = random.pick(CURRENCIES)
  const items = Array.from({ length: random.pick([1, 1, 2]) }, () => ({
    name: random.pick(THINGS),
    amount: Math.round(10 ** (2 + 5.5 * random.unit())) + random.integer(0, 99),
  }))
  const net = items.reduce((sum, { amount }) => sum + amount, 0)
  const tax = Math.round((net * random.pick([0, 7, 19, 20])) / 100)
  return {
    seller: random.pick(SELLERS),
    date: `${random.integer(2020, 2026)}-0${random.integer(1, 9)}-${random.integer(10, 28)}`,
    currency,
    items,
    tax,
    total: net + tax,
    style: {
      separators: random.pick(SEPARATORS),
      money: random.pick(currency.code === 'USD' ? DOLLARS : MONEY),
      labels: { subtotal: random.pick(SUBTOTALS), tax: random.pick(TAXES), total: random.pick(TOTALS) },
      showsSubtotal: random.unit() < 0.6,
    },
  }
}

/** A line of the page: text at its left and right edge, under a rule or not, bold as a total. */
export type Row = { left: string; right?: string; rule?: boolean; isTotal?: boolean }

/** The invoice line by line. */
export function rowsOf(invoice: Invoice): Row[] {
  const { items, style, currency, total, tax } = invoice
  const rows: Row[] = [
    { left: invoice.seller, right: invoice.date },
    ...items.map(({ name, amount }, i) => ({ left: name, right: moneyText(amount, invoice), rule: i === 0 })),
  ]
  if (style.showsSubtotal) {
    rows.push({ left: style.labels.subtotal, right: moneyText(total - tax, invoice), rule: true })
    if (tax > 0) rows.push({ left: style.labels.tax, right: moneyText(tax, invoice) })
  }
  const label = style.money === 'label' ? `${style.labels.total} (${currency.code})` : style.labels.total
  rows.push({ left: label, right: moneyText(total, invoice), rule: true, isTotal: true })
  if (style.money === 'dollar') rows.push({ left: `All amounts in ${currency.code}` })
  return rows
}

/** An amount as the invoice writes it: 1,234.50 EUR. */
export function moneyText(minor: number, { currency, style }: Pick<Invoice, 'currency' | 'style'>): string {
  const { thousands, decimal } = style.separators
  const whole = String(Math.floor(minor / 100)).replace(/\B(?=(\d{3})+$)/g, thousands)
  const amount = `${whole}${decimal}${String(minor % 100).padStart(2, '0')}`
  if (style.money === 'dollar') return `$${amount}`
  if (style.money === 'label') return `${currency.symbol ?? ''}${amount}`
  return style.money === 'before' ? `${currency.code} ${amount}` : `${amount} ${currency.code}`
}
