import { invalid, type Node } from './schemaNode.ts'

/** Most readings of one beginning that a grammar may have to follow at once. */
const MAX_WAYS = 512

/** Most choices that begin alike, multiplied along their nesting. */
const MAX_FACTOR = 16

type Defs = Map<string, Node>

/**
 * Bounds how many readings of the same beginning are open at once: choices between lists of choices between lists
 * multiply with every bracket, and the engine follows them all. Choices that begin with another character do not.
 * @throws EngineError invalid-schema
 */
export function requireFewWays(root: Node, defs: Defs): void {
  const seen = new Set<string>()
  const walk = (node: Node, factor: number): void => {
    if (factor > MAX_FACTOR || factor * alternatives(node) > MAX_WAYS)
      throw invalid('schema', 'its choices can be told apart too late: give them different types, or fewer')
    if (node.is === 'ref') {
      // A definition that refers to itself comes back with a larger factor, or was seen.
      const key = `${factor} ${node.name}`
      if (seen.has(key)) return
      seen.add(key)
      walk(defs.get(node.name)!, factor)
    } else if (node.is === 'anyOf') {
      const beginnings = node.options.map(option => beginningsOf(option, defs))
      for (const [i, option] of node.options.entries()) {
        const alike = beginnings.filter(other => [...other].some(beginning => beginnings[i]!.has(beginning)))
        walk(option, factor * alike.length)
      }
    } else if (node.is === 'array')
      for (const item of [...node.prefix, node.items]) item && walk(item, factor)
    else if (node.is === 'object') for (const property of node.properties) walk(property.node, factor)
  }
  walk(root, 1)
}

/** What may come next inside of a node: values, or names of properties. */
function alternatives(node: Node): number {
  if (node.is === 'values') return node.values.length
  return node.is === 'object' ? node.properties.filter(({ required }) => !required).length + 1 : 1
}

const EVERY = ['"', '{', '[', '0', 't', 'f', 'n']

/** The characters that its JSON can begin with; 0 stands for all of a number. */
function beginningsOf(node: Node, defs: Defs): Set<string> {
  switch (node.is) {
    case 'ref':
      return beginningsOf(defs.get(node.name)!, defs)
    case 'anyOf':
      return new Set(node.options.flatMap(option => [...beginningsOf(option, defs)]))
    case 'values':
      return new Set(node.values.map(value => JSON.stringify(value)[0]!.replace(/[-1-9]/, '0')))
    default:
      return new Set(BEGINNINGS[node.is])
  }
}

const BEGINNINGS = {
  any: EVERY,
  boolean: ['t', 'f'],
  null: ['n'],
  string: ['"'],
  number: ['0'],
  array: ['['],
  object: ['{'],
}
