export type Label = 'total' | 'net' | 'tax'

/** What invoices call their amounts: lower case, without spaces; letters that are read alike are written alike. */
const LABELS: Record<Label, readonly string[]> = {
  total: [
    'total',
    'grandtotal',
    'invoicetotal',
    'totaldue',
    'totalamount',
    'totalamountdue',
    'totalpayable',
    'totalinclvat',
    'totalinclusivevat',
    'amountdue',
    'balancedue',
  ],
  net: ['subtotal', 'netamount', 'nettotal', 'totalnet', 'totalexclvat'],
  tax: ['vat', 'tax', 'salestax', 'gst'],
}

const KNOWN = new Map(
  Object.entries(LABELS).flatMap(([label, texts]) => texts.map(text => [fold(text), label as Label])),
)

/** A rate behind a tax's name: VAT 19 %, Tax (7.5%). */
const RATE = /^\(?\d{1,2}(?:[.,]\d{1,2})?%\)?/

/** Looks like a total: when it is none of the known ones, nobody knows what it is. */
const LIKE_TOTAL = /tota|otal|amountdue|balancedue/
/** Turns what is owed round. */
/** Folded: see below. */
const CREDIT = /credlt|refund/

/** The label that a line begins with, and what follows it. Bars part the cells of a line. */
export function splitLabel(line: string): { label: Label; rest: string } | undefined {
  for (let end = line.length; end > 0; end--) {
    const label = KNOWN.get(fold(line.slice(0, end)))
    if (label === undefined) continue
    const rest = line.slice(end).replace(label === 'tax' ? RATE : '', '')
    return { label, rest: rest.replace(/^[:.]*\|?/, '') }
  }
  return undefined
}

export function isLikeTotal(text: string): boolean {
  return LIKE_TOTAL.test(fold(text))
}

export function isCredit(text: string): boolean {
  return CREDIT.test(fold(text))
}

/** i, l, 1 and ! are read as each other, so are 0 and o, and dots and dashes say nothing. */
function fold(text: string): string {
  return text
    .toLowerCase()
    .replace(/[i1!]/g, 'l')
    .replaceAll('0', 'o')
    .replace(/[-.'"·]/g, '')
}
