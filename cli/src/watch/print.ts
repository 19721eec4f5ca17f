import { type Hex, ZERO_ADDRESS } from '@nacre/verify'
import { formatAmount, formatTime } from '../operator/amounts.ts'
import { bold, dim, green, type Output, plain, red, yellow } from '../output.ts'
import type { Mined } from './events.ts'
import type { Asked, Hop } from './hops.ts'
import type { Source } from './source.ts'
import type { View } from './views.ts'

export type Printer = {
  hop: (hop: Hop, asked: Asked) => void
  view: (view: View, asked: Asked) => void
  line: (name: string, text: string) => void
}

/** Lines with the seconds since the request's block; of what operators say, until it was seen here. */
export function createPrinter(output: Output, source: Source): Printer {
  const at = (seconds: number | undefined, name: string, text: string): void => {
    const time = seconds === undefined ? '' : `${seconds} s`
    const [first = '', ...others] = text.split('\n')
    output.line(`${dim(time.padStart(7))}  ${name.padEnd(10)} ${first}`)
    for (const other of others) output.line(`${' '.repeat(20)}${dim(other)}`)
  }
  return {
    hop: (hop, asked) => at('time' in hop ? hop.time - asked.time : 0, hop.hop, textOf(hop, asked, source)),
    view: ({ operator, state, reason }, asked) => {
      const says = `${state === 'unknown' ? 'has not seen it' : state}${reason === null ? '' : `: ${reason}`}`
      at(Math.floor(Date.now() / 1000) - asked.time, 'says', `${plain(operator.name)}: ${plain(says)}`)
    },
    line: (name, text) => at(undefined, name, text),
  }
}

function textOf(hop: Hop, asked: Asked, { nameOf, modelOf }: Source): string {
  const { params, consumer } = asked.request
  const who = (operator: Hex): string => (operator === ZERO_ADDRESS ? 'nobody' : nameOf(operator))
  const until = (seconds: number): string => `until ${formatTime(seconds)} (${seconds - asked.time} s)`
  switch (hop.hop) {
    case 'requested': {
      const through = consumer.toLowerCase() === hop.sender.toLowerCase() ? '' : ` through ${consumer}`
      const kind = hop.kind === 'direct' ? '' : ', input by hash'
      return `${bold(plain(modelOf(params.artifact)))}${kind}, by ${hop.sender}${through}, fee ${formatAmount(params.fee, lower(params.feeToken))}, ${until(Number(params.deadline))}\n${minedText(hop)}`
    }
    case 'drawn': {
      if (hop.holder === null) return 'the slot has no holder: any operator may answer'
      const word = asked.kind === 'direct' ? 'answer' : 'accept or answer'
      return hop.fits
        ? `${who(hop.holder)} alone may ${word} ${until(hop.until)}`
        : `${who(hop.holder)}, whose offer or release does not fit: any operator may answer`
    }
    case 'accepted':
      return `${who(hop.operator)} alone may answer ${until(hop.until)}\n${minedText(hop)}`
    case 'declined':
      return `${yellow(`${who(hop.operator)} has no duty any more`)}, gas being dearer than the cap, or its engine having failed: others may answer\n${minedText(hop)}`
    case 'fulfilled': {
      const outcome = hop.status === 0 ? green('ok') : red(`error of status ${hop.status}`)
      const callback = hop.callbackOk ? 'callback ok' : red('the callback reverted')
      const pay = `paid ${formatAmount(hop.paid, lower(params.feeToken))} and ${formatAmount(hop.gasPaid)} for gas`
      return `${outcome}, by ${who(hop.operator)}, ${pay}, ${callback}\n${minedText(hop)}`
    }
    case 'expired': {
      const slashed =
        hop.slashed > 0n ? `, ${who(hop.operator)} slashed ${formatAmount(hop.slashed)}` : ', nobody slashed'
      const fee =
        params.feeToken === ZERO_ADDRESS ? '' : ` and ${formatAmount(params.fee, lower(params.feeToken))}`
      return `${red('no answer')}, refund ${formatAmount(hop.refund)}${fee}${slashed}\n${minedText(hop)}`
    }
  }
}

function minedText({ block, gas, transaction, time }: Mined): string {
  return `block ${block}, ${formatTime(time)}, gas ${gas.toLocaleString('en')}, ${transaction}`
}

function lower(address: Hex): Hex {
  return address.toLowerCase() as Hex
}
