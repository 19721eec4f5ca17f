import { createPrivateClient } from '@nacre/sdk'
import {
  fromHex,
  type Hex,
  NacreError,
  type Policy,
  type ReceiptBundle,
  receiptId,
  verifyReceipt,
} from '@nacre/verify'
import { readBundle } from '../commands/receipt.ts'
import { CliError, EXIT } from '../errors.ts'
import { nodeCrypto } from '../nodeCrypto.ts'
import { dim, green, type Output, plain, red, yellow } from '../output.ts'
import { type Target, type TargetOptions, targetOf } from '../proxy/target.ts'
import { now } from '../time.ts'
import { choicesOf, vectorsOf } from './choices.ts'
import { type Difference, firstDifference, firstVectorDifference } from './compare.ts'

export type ReplayOptions = TargetOptions & { other?: boolean }

/** By what the settings name as `api`. */
const PATHS: Record<string, string> = {
  'chat.completions': '/v1/chat/completions',
  completions: '/v1/completions',
  embeddings: '/v1/embeddings',
}

/**
 * `nacre receipt replay FILE`: the same request with the same seed to another enclave that is verified as any, and the
 * first token in which its answer differs.
 */
export async function replay(file: string, options: ReplayOptions, output: Output): Promise<number> {
  const bundle = readBundle(file)
  const target = targetOf(options)
  requireWhole(bundle, target.policy)
  const { path, body } = requestOf(bundle)
  const again = await askAgain(bundle, { ...target, path, body }, options.other === true)
  const difference =
    path === PATHS.embeddings
      ? firstVectorDifference(vectorsOf(textOf(bundle.output)), vectorsOf(textOf(again.output)))
      : firstDifference(choicesOf(textOf(bundle.output)), choicesOf(textOf(again.output)))
  const changed = changedSettings(bundle, again)
  output.line(`receipt ${receiptId(bundle, bundle.receipt)}  enclave ${bundle.identity.receiptKey}`)
  output.line(`again   ${receiptId(again, again.receipt)}  enclave ${again.identity.receiptKey}`)
  if (again.identity.receiptKey === bundle.identity.receiptKey)
    output.line(yellow('  The same enclave: no other was found that the policy accepts.'))
  for (const one of changed) output.line(yellow(`  ${plain(one)}`))
  tell(output, difference)
  output.result({
    same: difference === undefined,
    first: difference,
    ...{ receipt: receiptId(bundle, bundle.receipt), again: receiptId(again, again.receipt) },
    ...{ enclave: bundle.identity.receiptKey, enclaveAgain: again.identity.receiptKey, changed },
  })
  return difference === undefined ? EXIT.ok : EXIT.checkFailed
}

function tell(output: Output, difference: Difference | undefined): void {
  if (!difference) {
    output.line(green('The same, token by token.'))
    return
  }
  const { choice, index, expected, got } = difference
  output.line(red(`Differs first in choice ${choice}, token ${index}:`))
  output.line(`  expected ${plain(JSON.stringify(expected))}`)
  output.line(`  got      ${plain(JSON.stringify(got))}`)
  output.line(dim('  Other processors round otherwise: compare enclaves of the same kernel.'))
}

/**
 * Anybody can sign a receipt with a key of their own: what is compared has to be an answer of an enclave that the policy
 * accepts. How old its evidence is does not matter.
 */
function requireWhole(bundle: ReceiptBundle, policy: Policy): void {
  const { checks } = verifyReceipt(bundle, policy, { time: now(), crypto: nodeCrypto })
  const failed = checks.filter(({ name, ok }) => name !== 'policy-evidence-age' && !ok)
  if (failed.length === 0) return
  const why = failed.map(({ name, detail }) => `${name}: ${detail}`).join('; ')
  throw cannot('its receipt does not hold', why, 'nacre receipt verify FILE lists every check')
}

/** The request as it was, with the seed that was used, whole, and with its tokens where the API tells them. */
function requestOf({ input, parameters }: ReceiptBundle): { path: string; body: Record<string, unknown> } {
  const { seed, settings } = parameters
  const api = settings === undefined ? undefined : (JSON.parse(settings) as { api?: unknown }).api
  const path = typeof api === 'string' && Object.hasOwn(PATHS, api) ? PATHS[api] : undefined
  if (path === undefined)
    throw cannot(
      'it is no language model’s',
      'its parameters name no API',
      'replay receipts of nacre proxy, or of the SDK’s private client',
    )
  const { stream: _, stream_options: __, ...asked } = JSON.parse(textOf(input)) as Record<string, unknown>
  if (path === PATHS.embeddings) return { path, body: asked }
  const logprobs = path === PATHS.completions ? (asked.logprobs ?? 0) : true
  return { path, body: { ...asked, seed: Number(seed), logprobs } }
}

type Again = Pick<Target, 'url' | 'policy'> & { path: string; body: Record<string, unknown> }

/** Another enclave where there is one; the same otherwise, unless another was demanded. */
async function askAgain(bundle: ReceiptBundle, asking: Again, onlyOther: boolean): Promise<ReceiptBundle> {
  try {
    return await ask(bundle, asking, [bundle.identity.receiptKey])
  } catch (error) {
    const none = error instanceof NacreError && error.code === 'unverified-enclave'
    if (!none || onlyOther) throw error
    return ask(bundle, asking, [])
  }
}

async function ask(
  bundle: ReceiptBundle,
  { url, policy, path, body }: Again,
  exclude: Hex[],
): Promise<ReceiptBundle> {
  const name = String(body.model)
  const apiKey = process.env.NACRE_API_KEY
  const client = createPrivateClient({
    ...{ url, policy, exclude, crypto: nodeCrypto, models: { [name]: bundle.receipt.artifact } },
    ...(apiKey !== undefined && { apiKey }),
  })
  const response = await client.fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) })
  if (response.ok && client.lastReceipt) return client.lastReceipt
  const why = (await response.text()).slice(0, 500)
  throw cannot('the other enclave refused the request', why, 'ask one with the same model and limits')
}

/** What may explain a difference: an engine or settings that are not the same. */
function changedSettings(bundle: ReceiptBundle, again: ReceiptBundle): string[] {
  const [one, other] = [bundle, again].map(({ parameters: { engine, settings } }) => ({
    engine,
    ...JSON.parse(settings ?? '{}'),
  })) as [Record<string, unknown>, Record<string, unknown>]
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])]
  const told = names.map(name => [name, JSON.stringify(one[name]), JSON.stringify(other[name])] as const)
  return told.filter(([, a, b]) => a !== b).map(([name, a, b]) => `${name} was ${a}, and is ${b}`)
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(bytes: Hex): string {
  return strict.decode(fromHex(bytes))
}

function cannot(what: string, why: string, fix: string): CliError {
  return new CliError('bad-input', { what: `the answer cannot be made again: ${what}`, why, fix })
}
