import { invalid, isOfType, type Node, type Schema, targetOf } from './schemaNode.ts'
import { mismatchOf } from './schemaValue.ts'
import { requireFewWays } from './schemaWays.ts'

/** Bounds of a schema: nodes, how deep they are in each other, values of all enums, length of its JSON. */
const MAX_NODES = 512
const MAX_DEPTH = 32
const MAX_VALUES = 256
const MAX_JSON = 65_536

/** They say nothing about which values fit. */
const ANNOTATIONS = ['title', 'description', 'default', 'examples', '$schema', '$id', '$comment']

/** What each type may have beside `type`. */
const KEYWORDS: Record<string, string[]> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  boolean: [],
  null: [],
}

type Fields = Record<string, unknown>
type Walk = { nodes: number; values: number }
type Place = { path: string; depth: number; walk: Walk }

/**
 * The part of JSON Schema (2020-12) that a grammar can promise: `type` (one or several), `properties`, `required`,
 * `additionalProperties` (a boolean), `items`, `prefixItems`, `minItems`, `maxItems`, `minLength`, `maxLength`, bounds of
 * numbers, `enum`, `const`, `anyOf`, and `$ref` to `#`, `#/$defs/…` or `#/definitions/…`. Anything else is an error: a
 * keyword that was passed over would be a promise that nobody keeps.
 * @throws EngineError invalid-schema, which names the path
 */
export function checkSchema(schema: unknown): Schema {
  if ((JSON.stringify(schema)?.length ?? 0) > MAX_JSON)
    throw invalid('schema', `longer than ${MAX_JSON} characters`)
  const walk = { nodes: 0, values: 0 }
  const defs = new Map<string, Node>()
  const fields = fieldsOf(schema, 'schema')
  for (const keyword of ['$defs', 'definitions']) {
    for (const [name, part] of Object.entries(fieldsOf(fields[keyword] ?? {}, `schema.${keyword}`)))
      defs.set(`#/${keyword}/${name}`, nodeOf(part, { path: `schema.${keyword}.${name}`, depth: 1, walk }))
  }
  const { $defs: _, definitions: __, ...own } = fields
  const root = nodeOf(own, { path: 'schema', depth: 0, walk })
  defs.set('#', root)
  const ended = new Set<string>()
  for (const node of defs.values()) requireEnd(node, { defs, ended, path: [] })
  requireFewWays(root, defs)
  return { root, defs }
}

/**
 * Why a value does not fit a schema, with its place in it; undefined where it fits.
 * @throws EngineError invalid-schema
 */
export function validate(schema: unknown, value: unknown): string | undefined {
  return mismatchOf(checkSchema(schema), value)
}

function nodeOf(part: unknown, place: Place): Node {
  const { path, depth, walk } = place
  if (++walk.nodes > MAX_NODES) throw invalid(path, `more than ${MAX_NODES} parts`)
  if (depth > MAX_DEPTH) throw invalid(path, `nested deeper than ${MAX_DEPTH}`)
  const fields = fieldsOf(part, path)
  const used = Object.keys(fields).filter(key => !ANNOTATIONS.includes(key))
  if (used.length === 0) return { is: 'any' }
  const only = (...keys: string[]) => requireOnly(used, keys, path)
  if ('$ref' in fields) {
    only('$ref')
    return { is: 'ref', name: textOf(fields.$ref, `${path}.$ref`) }
  }
  if ('anyOf' in fields) {
    only('anyOf')
    return { is: 'anyOf', options: listOf(fields.anyOf, below(place, 'anyOf'), 1) }
  }
  if ('enum' in fields || 'const' in fields) {
    only('type', 'enum' in fields ? 'enum' : 'const')
    return valuesOf(fields, place)
  }
  const types = typesOf(fields.type, path)
  only('type', ...types.flatMap(type => KEYWORDS[type]!))
  const [first, ...others] = types.map(type => typedNode(type, fields, place))
  return others.length ? { is: 'anyOf', options: [first!, ...others] } : first!
}

function typedNode(type: string, fields: Fields, place: Place): Node {
  const { path } = place
  const count = (key: string, missing: number) => countOf(fields[key] ?? missing, `${path}.${key}`)
  if (type === 'string')
    return { is: 'string', least: count('minLength', 0), most: count('maxLength', Infinity) }
  if (type === 'number' || type === 'integer') {
    const bound = (key: string, missing: number) => numberOf(fields[key] ?? missing, `${path}.${key}`)
    return {
      is: 'number',
      integer: type === 'integer',
      minimum: bound('minimum', -Infinity),
      maximum: bound('maximum', Infinity),
      above: bound('exclusiveMinimum', -Infinity),
      below: bound('exclusiveMaximum', Infinity),
    }
  }
  if (type === 'array') {
    const prefix = 'prefixItems' in fields ? listOf(fields.prefixItems, below(place, 'prefixItems'), 1) : []
    const closed = fields.items === false
    const items = closed ? undefined : nodeOf(fields.items ?? {}, below(place, 'items'))
    const most = Math.min(count('maxItems', Infinity), closed ? prefix.length : Infinity)
    return { is: 'array', prefix, items, least: count('minItems', 0), most }
  }
  return type === 'object' ? objectNode(fields, place) : { is: type as 'boolean' | 'null' }
}

function objectNode(fields: Fields, place: Place): Node {
  const { path } = place
  const parts = Object.entries(fieldsOf(fields.properties ?? {}, `${path}.properties`))
  const list = fields.required ?? []
  if (!Array.isArray(list)) throw invalid(`${path}.required`, 'not a list')
  const required = new Set(list)
  const known = new Set<unknown>(parts.map(([name]) => name))
  const missing = [...required].find(name => !known.has(name))
  if (missing !== undefined)
    throw invalid(`${path}.required`, `${String(missing).slice(0, 64)} is no property`)
  const { additionalProperties: open = true } = fields
  if (typeof open !== 'boolean')
    throw invalid(`${path}.additionalProperties`, 'only true and false are known')
  const properties = parts.map(([name, part]) => ({
    name,
    node: nodeOf(part, below(place, `properties.${name}`)),
    required: required.has(name),
  }))
  return { is: 'object', properties, open }
}

function valuesOf(fields: Fields, { path, walk }: Place): Node {
  const values = 'const' in fields ? [fields.const] : fields.enum
  if (!Array.isArray(values) || values.length === 0) throw invalid(`${path}.enum`, 'not a list of values')
  walk.values += values.length
  if (walk.values > MAX_VALUES) throw invalid(path, `more than ${MAX_VALUES} values`)
  if (fields.type !== undefined) {
    const types = typesOf(fields.type, path)
    const other = values.find(value => !types.some(type => isOfType(value, type)))
    if (other !== undefined) throw invalid(path, 'a value that is not of its type')
  }
  return { is: 'values', values }
}

type Way = { defs: Map<string, Node>; path: string[]; ended: Set<string> }

/**
 * A reference that leads to itself through references and choices alone describes nothing. Each is followed once, by
 * `ended`: choices between references to choices would be twice as many with each.
 */
function requireEnd(node: Node, way: Way): void {
  const { defs, path, ended } = way
  if (node.is === 'anyOf') for (const option of node.options) requireEnd(option, way)
  if (node.is !== 'ref' || ended.has(node.name)) return
  const target = targetOf(node, defs)
  if (path.includes(node.name)) throw invalid(node.name.slice(0, 64), 'it refers to itself and nothing else')
  requireEnd(target, { ...way, path: [...path, node.name] })
  ended.add(node.name)
}

function below({ path, depth, walk }: Place, key: string): Place {
  return { path: `${path}.${key}`, depth: depth + 1, walk }
}

function listOf(list: unknown, place: Place, least: number): Node[] {
  if (!Array.isArray(list) || list.length < least) throw invalid(place.path, 'not a list of schemas')
  return list.map((part, i) => nodeOf(part, { ...place, path: `${place.path}[${i}]` }))
}

function typesOf(type: unknown, path: string): string[] {
  const types = Array.isArray(type) ? type : [type]
  const known = types.every(one => typeof one === 'string' && Object.hasOwn(KEYWORDS, one))
  if (known && types.length > 0) return types
  throw invalid(`${path}.type`, `it is one of ${Object.keys(KEYWORDS).join(', ')}, or a list of them`)
}

function requireOnly(used: string[], allowed: string[], path: string): void {
  const other = used.find(key => !allowed.includes(key))
  if (other === undefined) return
  throw invalid(
    path,
    `${other.slice(0, 64)} is not implemented here; beside it there may be ${allowed.join(', ')}`,
  )
}

function fieldsOf(part: unknown, path: string): Fields {
  if (isOfType(part, 'object')) return part as Fields
  throw invalid(path, 'not an object')
}

function countOf(value: unknown, path: string): number {
  if (value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 0)) return value as number
  throw invalid(path, 'not a whole number from 0 on')
}

function numberOf(value: unknown, path: string): number {
  if (typeof value === 'number') return value
  throw invalid(path, 'not a number')
}

function textOf(value: unknown, path: string): string {
  if (typeof value === 'string') return value
  throw invalid(path, 'not a string')
}
