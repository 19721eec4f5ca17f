import { CliError } from '../errors.ts'

/** Where a model comes from. */
export type Source =
  | { type: 'file'; path: string }
  /** `isHub`: the hub says a file's SHA-256 in its answer. `name` is the file's. */
  | { type: 'url'; url: string; name: string; isHub: boolean }

/** Hugging Face, or one that speaks as it does; tests and mirrors name another. */
const HUB = 'https://huggingface.co'
const HUB_FORM = 'hf:OWNER/NAME/FILE or hf:OWNER/NAME/FILE@REVISION'

/**
 * Reads `FILE`, `https://…` or `hf:OWNER/NAME/FILE[@REVISION]`; `endpoint` stands for the hub (NACRE_HF_ENDPOINT).
 * @throws CliError usage
 */
export function readSource(text: string, endpoint: string = process.env.NACRE_HF_ENDPOINT ?? HUB): Source {
  if (text.startsWith('hf:')) return hubSource(text, endpoint)
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return { type: 'file', path: text }
  const url = checkedUrl(text)
  return { type: 'url', url: url.href, name: fileName(url), isHub: false }
}

/**
 * An address that a model may be fetched from: over TLS, or on this machine.
 * @throws CliError usage
 */
export function checkedUrl(text: string, base?: string): URL {
  const url = URL.parse(text, base)
  const isLocal = ['127.0.0.1', '[::1]', 'localhost'].includes(url?.hostname ?? '')
  const isFit = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal)
  if (url && isFit && url.username === '' && url.password === '') return url
  throw new CliError('usage', {
    what: `no model is fetched from ${text.slice(0, 300)}`,
    why: 'an address begins with https://, or with http:// on this machine, and has no user or password',
    fix: `give such an address, ${HUB_FORM}, or the path of a file`,
  })
}

/**
 * Where a server sends one on to: another may not name this machine, whose services nobody but its user is to ask.
 * @throws CliError usage
 */
export function redirectedUrl(location: string, from: string): URL {
  const url = checkedUrl(location, from)
  if (!isThisMachine(url) || isThisMachine(new URL(from))) return url
  throw new CliError('usage', {
    what: `no model is fetched from ${url.href.slice(0, 300)}`,
    why: `${new URL(from).host} sends on to it, and it is this machine`,
    fix: 'name that address itself if it is meant',
  })
}

const THIS_MACHINE =
  /^(127\.[\d.]+|0\.0\.0\.0|\[::1?\]|\[::ffff:7f[\da-f]{2}:[\da-f]{1,4}\]|(.+\.)?localhost\.?)$/

function isThisMachine({ hostname }: URL): boolean {
  return THIS_MACHINE.test(hostname)
}

function hubSource(text: string, endpoint: string): Source {
  const [, owner, name, file, revision = 'main'] =
    /^hf:([\w.-]{1,96})\/([\w.-]{1,96})\/([\w.\-/]{1,300}?)(?:@([\w.\-/]{1,100}))?$/.exec(text) ?? []
  const parts = [owner, name, ...(file ?? '').split('/'), ...revision.split('/')]
  if (file === undefined || parts.some(part => part === undefined || /^\.*$/.test(part)))
    throw new CliError('usage', {
      what: `${text.slice(0, 300)} names no file of the hub`,
      why: `it is not ${HUB_FORM}`,
      fix: 'for example hf:ggml-org/models/tinyllamas/stories260K.gguf',
    })
  const url = checkedUrl(
    `${endpoint.replace(/\/$/, '')}/${owner}/${name}/resolve/${encodeURIComponent(revision)}/${file}`,
  )
  return { type: 'url', url: url.href, name: fileName(url), isHub: true }
}

function fileName(url: URL): string {
  return url.pathname.split('/').at(-1) || 'model'
}
