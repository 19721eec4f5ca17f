import { refuse } from '../refusal.ts'
import { isCredit, isLikeTotal, type Label, splitLabel } from './labels.ts'
import { linesOf } from './lines.ts'
import { CURRENCIES, codesIn, type Money, readMoney } from './money.ts'
import { decodePng, type Grey } from './png.ts'
import type { Reader, Reading, View } from './recognise.ts'
import { straighten } from './skew.ts'

/** Amount in minor units, ISO 4217 number of the currency, confidence in thousandths. */
export type InvoiceTotal = { amount: bigint; currency: number; confidence: number }

/**
 * The total of the invoice on a picture, a PNG file. It is answered only when one labelled total is read, with its
 * currency's code, alike from two views of it, both at least as sure as `minConfidence` (thousandths), and when net
 * amount and tax, if they are read, add up to it. Everything else is refused: an answer may release money.
 * @throws Refusal
 */
export async function readInvoiceTotal(
  file: Uint8Array,
  read: Reader,
  minConfidence: number,
): Promise<InvoiceTotal> {
  const lines = linesOf(straighten(decodePng(file)))
  const labelled = await labelledLines(lines, read)
  const named = new Set(labelled.flatMap(({ text }) => codesIn(text)))
  const moneys = (label: Label) =>
    labelled.filter(line => line.label === label).map(line => readMoney(line.rest, named))
  const total = onlyTotal(moneys('total'))
  checkSum(total, moneys('net'), moneys('tax'))

  const confidence = await confirm(total, labelled, named, read)
  const thousandths = Math.floor(1000 * confidence)
  if (thousandths < minConfidence) {
    refuse(
      'low-confidence',
      `the total was read with ${thousandths} of 1000, at least ${minConfidence} is needed`,
    )
  }
  return { amount: total.amount, currency: CURRENCIES[total.currency]!, confidence: thousandths }
}

type Line = { text: string; label?: Label; rest: string; first: Reading; cells: Grey[]; confidence: number }

/** Every line's first cell is read, and of lines that begin with a label the others too. */
async function labelledLines(lines: Grey[][], read: Reader): Promise<Line[]> {
  const labelled: Line[] = []
  for (const cells of lines) {
    const first = await read(cells[0]!, 'clear')
    const line = lineOf(
      splitLabel(plain(first)) ? await readAll(cells, read, 'clear', first) : [first],
      cells,
    )
    if (isCredit(line.text)) refuse('unclear-total', 'it speaks of a credit or a refund')
    if (line.label === undefined && isLikeTotal(line.text) && (cells.length > 1 || /\d/.test(line.text)))
      refuse('unclear-total', `a total of an unknown kind: ${line.text.slice(0, 40)}`)
    labelled.push(line)
  }
  return labelled
}

async function readAll(cells: Grey[], read: Reader, view: View, first: Reading): Promise<Reading[]> {
  const readings = [first]
  for (const cell of cells.slice(1)) readings.push(await read(cell, view))
  return readings
}

function lineOf(readings: Reading[], cells: Grey[]): Line {
  const text = readings.map(plain).join('|')
  const found = splitLabel(text)
  // The label is known or not, however sure its letters are; where it is a cell of its own it does not count.
  const counted = found && readings.length > 1 ? readings.slice(1) : readings
  const confidence = Math.min(...counted.map(reading => reading.confidence))
  return { text, rest: '', first: readings[0]!, cells, confidence, ...found }
}

/** Full-width forms as ASCII, without spaces, and without the dots and dashes that specks at a cell's edge are read as. */
function plain({ text }: Reading): string {
  return text
    .normalize('NFKC')
    .replace(/[’‘′`]/g, "'")
    .replaceAll('、', ',')
    .replace(/[\s|·]/g, '')
    .replace(/^[.,:']+|[.,:']+$/g, '')
}

/** The one total; several are the same amount, or nobody knows which one is owed. */
function onlyTotal(totals: (Money | string)[]): Money {
  const [total] = totals
  if (total === undefined) return refuse('no-total', 'no line begins with "Total", "Amount due" or the like')
  for (const other of totals) {
    if (typeof total === 'string' || typeof other === 'string')
      refuse('unclear-total', String(typeof total === 'string' ? total : other))
    else if (!isSame(total, other)) refuse('unclear-total', 'it names two different totals')
  }
  return total as Money
}

/** Net and tax, where they are read, must add up. An invoice with rebates between them is refused. */
function checkSum(total: Money, nets: (Money | string)[], taxes: (Money | string)[]): void {
  const parts = [...nets, ...taxes]
  const read = parts.filter(part => typeof part !== 'string')
  if (read.some(({ currency }) => currency !== total.currency))
    refuse('unclear-total', 'it names two currencies')
  if (nets.length !== 1 || read.length !== parts.length) return
  const sum = read.reduce((sum, { amount }) => sum + amount, 0n)
  if (sum !== total.amount) refuse('unclear-total', 'net amount and tax do not add up to the total')
}

/** Reads the total's cells again from another view: least confidence of both. */
async function confirm(
  total: Money,
  lines: Line[],
  named: ReadonlySet<string>,
  read: Reader,
): Promise<number> {
  let confidence = 1
  for (const line of lines.filter(({ label }) => label === 'total')) {
    const [label, ...amounts] = line.cells
    // A label in a cell of its own is known or not: what must be read twice is the rest.
    const first = amounts.length > 0 ? line.first : await read(label!, 'wide')
    const again = lineOf(await readAll(line.cells, read, 'wide', first), line.cells)
    const money = readMoney(again.rest, named)
    if (typeof money === 'string' || !isSame(money, total))
      refuse('low-confidence', 'two readings of the total differ')
    confidence = Math.min(confidence, line.confidence, again.confidence)
  }
  return confidence
}

function isSame(a: Money, b: Money): boolean {
  return a.amount === b.amount && a.currency === b.currency
}
