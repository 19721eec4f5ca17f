import { isDeepStrictEqual } from 'node:util'
import { isOfType, type Node, type Schema } from './schemaNode.ts'

/** Nested deeper is no value of any schema here. */
const MAX_DEPTH = 64

/** Why a value does not fit, with its place in it; undefined where it fits. */
export function mismatchOf(schema: Schema, value: unknown): string | undefined {
  return mismatch(schema.root, value, { path: '$', depth: 0, schema })
}

type Place = { path: string; depth: number; schema: Schema }

function mismatch(node: Node, value: unknown, place: Place): string | undefined {
  const { path, depth, schema } = place
  const no = (reason: string) => `${path.slice(0, 256)}: ${reason}`
  if (depth > MAX_DEPTH) return no(`nested deeper than ${MAX_DEPTH}`)
  switch (node.is) {
    case 'any':
      return undefined
    case 'ref':
      return mismatch(schema.defs.get(node.name)!, value, place)
    case 'anyOf':
      return node.options.some(option => mismatch(option, value, place) === undefined)
        ? undefined
        : no('fits none of the choices')
    case 'values':
      return node.values.some(one => isDeepStrictEqual(one, value)) ? undefined : no('is none of the values')
    case 'boolean':
    case 'null':
      return isOfType(value, node.is) ? undefined : no(`is no ${node.is}`)
    case 'string':
      return typeof value === 'string'
        ? outside([...value].length, node, no, 'characters')
        : no('is no string')
    case 'number':
      return numberMismatch(node, value, no)
    case 'array':
      return arrayMismatch(node, value, place, no)
    case 'object':
      return objectMismatch(node, value, place, no)
  }
}

type No = (reason: string) => string

function numberMismatch(node: Node & { is: 'number' }, value: unknown, no: No): string | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return no('is no number')
  if (node.integer && !Number.isSafeInteger(value)) return no('is no whole number of at most 2^53')
  const fits = value >= node.minimum && value <= node.maximum && value > node.above && value < node.below
  return fits ? undefined : no('is outside its bounds')
}

function arrayMismatch(
  node: Node & { is: 'array' },
  value: unknown,
  place: Place,
  no: No,
): string | undefined {
  if (!Array.isArray(value)) return no('is no list')
  const wrong = outside(value.length, node, no, 'items')
  if (wrong) return wrong
  return firstOf(value, (item, i) => {
    const of = node.prefix[i] ?? node.items
    return of ? mismatch(of, item, below(place, `[${i}]`)) : no('has more items than it may')
  })
}

function objectMismatch(
  node: Node & { is: 'object' },
  value: unknown,
  place: Place,
  no: No,
): string | undefined {
  if (!isOfType(value, 'object')) return no('is no object')
  const fields = value as Record<string, unknown>
  const missing = node.properties.find(({ name, required }) => required && !Object.hasOwn(fields, name))
  if (missing) return no(`has no ${missing.name.slice(0, 64)}`)
  return firstOf(Object.entries(fields), ([name, field]) => {
    const property = node.properties.find(known => known.name === name)
    if (property) return mismatch(property.node, field, below(place, `.${name}`))
    return node.open ? undefined : no(`has ${name.slice(0, 64)}, which it may not`)
  })
}

function outside(
  count: number,
  { least, most }: { least: number; most: number },
  no: No,
  what: string,
): string | undefined {
  return count >= least && count <= most ? undefined : no(`has ${count} ${what}`)
}

function firstOf<T>(list: T[], check: (item: T, i: number) => string | undefined): string | undefined {
  for (const [i, item] of list.entries()) {
    const wrong = check(item, i)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function below({ path, depth, schema }: Place, step: string): Place {
  return { path: path + step, depth: depth + 1, schema }
}
