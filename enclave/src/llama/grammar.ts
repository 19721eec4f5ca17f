import { checkSchema } from '../inference/schema.ts'
import type { Node } from '../inference/schemaNode.ts'

/** Beyond these a count is only checked afterwards: the grammar would have as many rules. */
const MAX_CHARACTERS = 256
const MAX_ITEMS = 64

/** Any JSON, with at most one space after a comma or colon: a model that loves spaces must end, too. */
const JSON_RULES = {
  ws: '" "?',
  char: '[^"\\\\\\x7F\\x00-\\x1F] | "\\\\" (["\\\\/bfnrt] | "u" [0-9a-fA-F]{4})',
  string: '"\\"" char* "\\""',
  integer: '"-"? ("0" | [1-9] [0-9]{0,14})',
  number: 'integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?',
  value: 'object | array | string | number | "true" | "false" | "null"',
  object: '"{" ws (string ":" ws value ("," ws string ":" ws value)*)? ws "}"',
  array: '"[" ws (value ("," ws value)*)? ws "]"',
}

/**
 * The grammar (GBNF, llama.cpp's grammars/README.md) of what fits a schema, except the bounds of numbers and long
 * counts, which are checked afterwards. Properties come in the schema's order, and no others.
 * @throws EngineError invalid-schema
 */
export function grammarOf(schema: unknown): string {
  const { root, defs } = checkSchema(schema)
  const rules = new Map<string, string>(Object.entries(JSON_RULES))
  const names = new Map([...defs.keys()].map((key, i) => [key, `def${i}`]))
  let made = 0
  const write: Write = body => {
    const name = `r${made++}`
    rules.set(name, body)
    return name
  }
  const nameOf = (ref: string) => names.get(ref)!
  for (const [key, node] of defs) rules.set(nameOf(key), bodyOf(node, write, nameOf))
  rules.set('root', root === defs.get('#') ? nameOf('#') : bodyOf(root, write, nameOf))
  return [...rules].map(([name, body]) => `${name} ::= ${body}\n`).join('')
}

type Write = (body: string) => string
type NameOf = (ref: string) => string

function bodyOf(node: Node, write: Write, nameOf: NameOf): string {
  const ruleOf = (part: Node) => write(bodyOf(part, write, nameOf))
  switch (node.is) {
    case 'any':
      return 'value'
    case 'ref':
      return nameOf(node.name)
    case 'anyOf':
      return node.options.map(ruleOf).join(' | ')
    case 'values':
      return node.values.map(value => literal(JSON.stringify(value))).join(' | ')
    case 'boolean':
      return '"true" | "false"'
    case 'null':
      return '"null"'
    case 'string':
      return `"\\"" char${times(node, MAX_CHARACTERS)} "\\""`
    case 'number':
      return node.integer ? 'integer' : 'number'
    case 'array':
      return arrayBody(node, write, ruleOf)
    case 'object':
      return node.properties.length || !node.open ? objectBody(node.properties, write, ruleOf) : 'object'
  }
}

/** `{least,most}` of a repetition, where both are small. */
function times({ least, most }: { least: number; most: number }, limit: number): string {
  const from = Math.min(least, limit)
  return `{${from},${most <= limit ? Math.max(most, from) : ''}}`
}

/** Rules from the end: what may follow after i items. */
function arrayBody(node: Node & { is: 'array' }, write: Write, ruleOf: (part: Node) => string): string {
  const { prefix, items, least, most } = node
  const item = items && ruleOf(items)
  const shift = (count: number) => Math.max(0, count - prefix.length)
  const after = { least: shift(least), most: shift(most) }
  let tail = item && after.most > 0 ? write(`("," ws ${item})${times(after, MAX_ITEMS)}`) : write('""')
  for (let i = Math.min(prefix.length, most) - 1; i >= 1; i--) {
    const more = `"," ws ${ruleOf(prefix[i]!)} ${tail}`
    tail = write(i >= least ? `(${more})?` : more)
  }
  const first = prefix.length ? ruleOf(prefix[0]!) : item
  if (!first || most === 0) return '"[" "]"'
  const rest = prefix.length
    ? tail
    : write(`("," ws ${first})${times({ least: Math.max(0, least - 1), most: most - 1 }, MAX_ITEMS)}`)
  return least > 0 ? `"[" ${first} ${rest} "]"` : `"[" (${first} ${rest})? "]"`
}

/** From the last property to the first: what follows where none has come yet, and where one has. */
function objectBody(
  properties: (Node & { is: 'object' })['properties'],
  write: Write,
  ruleOf: (part: Node) => string,
): string {
  let first = write('""')
  let next = first
  for (const { name, node, required } of properties.toReversed()) {
    const pair = write(`${literal(JSON.stringify(name))} ":" ws ${ruleOf(node)} ${next}`)
    const [skipFirst, skipNext] = required ? ['', ''] : [` | ${first}`, ` | ${next}`]
    first = write(`${pair}${skipFirst}`)
    next = write(`"," ws ${pair}${skipNext}`)
  }
  return `"{" ${first} "}"`
}

/** A text in quotes, as GBNF escapes it. */
function literal(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
