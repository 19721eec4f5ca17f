import { EXIT } from '../errors.ts'
import { type Output, plain } from '../output.ts'
import { table } from '../table.ts'
import { formatAmount, parseAmount } from './amounts.ts'
import { readOffer, readOffers } from './facts.ts'
import { nameOf } from './join.ts'
import { carryOut, type PlanOptions } from './plan.ts'
import { accountOf, loadSettings, type OperatorOptions } from './settings.ts'
import { announce, retract, termsText } from './steps.ts'
import { artifactOf, minDeadlineOf, tokenOf } from './values.ts'

type Market = OperatorOptions & PlanOptions & { token?: string }

/** `nacre operator prices`: what the account offers. */
export async function list(options: OperatorOptions, output: Output): Promise<number> {
  const settings = await loadSettings(options)
  const account = await accountOf(settings)
  const offers = (await readOffers({ ...settings, account })).filter(offer => offer.active)
  const known = settings.models()
  const rows = offers.map(one => [
    plain(nameOf(one.artifact, known)),
    formatAmount(one.price, one.token),
    `${one.minDeadline} s`,
  ])
  output.line(`Operator ${account}`)
  for (const line of table(['model', 'price', 'least time'], rows)) output.line(line)
  output.result({
    account,
    offers: offers.map(({ artifact, token, price, minDeadline }) => ({
      artifact,
      token,
      price,
      min_deadline: minDeadline,
    })),
  })
  return EXIT.ok
}

/** `nacre operator prices set MODEL`: announces it, or changes its terms. */
export async function set(
  model: string,
  options: Market & { price: string; minDeadline: number },
  output: Output,
): Promise<number> {
  const settings = await loadSettings(options)
  const known = settings.models()
  const [artifact, token] = [artifactOf(model, known), tokenOf(options.token)]
  const price = parseAmount(options.price, token)
  const terms = { artifact, token, price, minDeadline: minDeadlineOf(options.minDeadline) }
  const name = nameOf(artifact, known)
  const done = await carryOut(settings, options, output, async subject => {
    const offer = await readOffer(subject, artifact, token)
    const same = offer.active && offer.price === price && offer.minDeadline === terms.minDeadline
    return same
      ? { steps: [], already: [`${name} for ${termsText(offer)}`] }
      : { steps: [announce(subject.contracts, terms, name)], already: [] }
  })
  output.result(done)
  return EXIT.ok
}

/** `nacre operator prices retract MODEL`: ends the offer at the next epoch. */
export async function retractOffer(model: string, options: Market, output: Output): Promise<number> {
  const settings = await loadSettings(options)
  const known = settings.models()
  const [artifact, token] = [artifactOf(model, known), tokenOf(options.token)]
  const name = nameOf(artifact, known)
  const done = await carryOut(settings, options, output, async subject => {
    const { active } = await readOffer(subject, artifact, token)
    return active
      ? { steps: [retract(subject.contracts, { artifact, token }, name)], already: [] }
      : { steps: [], already: [`${name} is not offered`] }
  })
  output.result(done)
  return EXIT.ok
}
