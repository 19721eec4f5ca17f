import { ApiError } from './apiErrors.ts'

/** How deep a body may be nested, and how many objects and lists it may have. */
const MAX_DEPTH = 64
const MAX_CONTAINERS = 65_536

/**
 * The value of a JSON text in UTF-8. Stricter than JSON.parse, of which two readers may disagree about what was asked: a
 * name that an object has twice is an error, and so are bytes that are no UTF-8.
 * @throws ApiError invalid_json
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decode(bytes)
  checkStructure(text)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw invalid('the body is not JSON', cause)
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw invalid('the body is not UTF-8', cause)
  }
}

/** Before it is parsed, whatever it is: names of one object, depth, and number of containers. */
function checkStructure(text: string): void {
  const open: (Set<string> | undefined)[] = []
  let containers = 0
  let name = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') {
      const end = endOfString(text, at)
      name = text.slice(at, end)
      at = end - 1
    } else if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined)
      if (open.length > MAX_DEPTH) throw invalid(`the body is nested deeper than ${MAX_DEPTH}`)
      if (++containers > MAX_CONTAINERS)
        throw invalid(`the body has more than ${MAX_CONTAINERS} objects and lists`)
    } else if (character === '}' || character === ']') open.pop()
    else if (character === ':') addName(open.at(-1), name)
  }
}

/** Where the string that begins here ends, behind its quotation mark. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    const quote = text.indexOf('"', at)
    if (quote < 0) throw invalid('the body is not JSON: a string has no end')
    let slashes = 0
    while (text[quote - 1 - slashes] === '\\') slashes++
    if (slashes % 2 === 0) return quote + 1
    at = quote
  }
}

function addName(names: Set<string> | undefined, quoted: string): void {
  if (!names) return
  const name = plainName(quoted)
  if (names.has(name)) throw invalid(`the body has ${quoted.slice(0, 64)} twice in one object`)
  names.add(name)
}

/** `"\u0061"` and `"a"` are one name. */
function plainName(quoted: string): string {
  try {
    return JSON.parse(quoted)
  } catch (cause) {
    throw invalid('the body is not JSON', cause)
  }
}

function invalid(message: string, cause?: unknown): ApiError {
  return new ApiError('invalid_json', message, null, cause)
}
