import type { Tool } from './languageEngine.ts'

/** Where a part of a schema has values and not schemas: a name in them that looks like a reference is none. */
const VALUES = ['const', 'enum', 'default', 'examples']

/**
 * The schema of a call: `{"name", "arguments"}` of one of these tools. Each tool's own definitions go under its number, for
 * references are by the whole schema's root.
 */
export function callSchema(tools: Tool[]): unknown {
  const definitions = tools.flatMap(({ parameters }, i) => definitionsOf(parameters, i))
  return { $defs: Object.fromEntries(definitions), anyOf: tools.map(({ name }, i) => callOf(name, i)) }
}

function callOf(name: string, i: number): unknown {
  return {
    type: 'object',
    properties: { name: { const: name }, arguments: { $ref: `#/$defs/${i}` } },
    required: ['name', 'arguments'],
    additionalProperties: false,
  }
}

function definitionsOf(parameters: unknown, i: number): [string, unknown][] {
  const { $defs = {}, definitions = {}, ...own } = parameters as Record<string, object>
  const parts = [...Object.entries($defs), ...Object.entries(definitions)]
  return [
    [`${i}`, moved(own, i)],
    ...parts.map(([name, part]): [string, unknown] => [`${i}.${name}`, moved(part, i)]),
  ]
}

/** References lead to where the tool's definitions are now. */
function moved(part: unknown, i: number): unknown {
  if (Array.isArray(part)) return part.map(item => moved(item, i))
  if (typeof part !== 'object' || part === null) return part
  return Object.fromEntries(
    Object.entries(part).map(([key, value]) => {
      if (key === '$ref' && typeof value === 'string') return [key, reference(value, i)]
      return [key, VALUES.includes(key) ? value : moved(value, i)]
    }),
  )
}

function reference(target: string, i: number): string {
  if (target === '#') return `#/$defs/${i}`
  return target.replace(/^#\/(\$defs|definitions)\//, `#/$defs/${i}.`)
}
