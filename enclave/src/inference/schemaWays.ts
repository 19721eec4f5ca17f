import { invalid, type Node, targetOf } from './schemaNode.ts'

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
  const known: Known = new Map()
  const walk = (node: Node, factor: number): void => {
    if (factor > MAX_FACTOR || factor * alternatives(node) > MAX_WAYS)
      throw invalid('schema', 'its choices can be told apart too late: give them different types, or fewer')
    if (node.is === 'ref') {
      // A definition that refers to itself comes back with a larger factor, or was seen.
      const key = `${factor} ${node.name}`
      if (seen.has(key)) return
      seen.add(key)
      walk(targetOf(node, defs), factor)
    } else if (node.is === 'anyOf') {
      const beginnings = node.options.map(option => beginningsOf(option, defs, known))
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

/** Of each part once, however many ways lead there. */
type Known = Map<Node, Set<string>>

/** The characters that its JSON can begin with; 0 stands for all of a number. */
function beginningsOf(node: Node, defs: Defs, known: Known): Set<string> {
  const found = known.get(node) ?? new Set(findBeginnings(node, defs, known))
  known.set(node, found)
  return found
}

function findBeginnings(node: Node, defs: Defs, known: Known): Iterable<string> {
  switch (node.is) {
    case 'ref':
      return beginningsOf(targetOf(node, defs), defs, known)
    case 'anyOf':
      return node.options.flatMap(option => [...beginningsOf(option, defs, known)])
    case 'values':
      return node.values.map(value => JSON.stringify(value)[0]!.replace(/[-1-9]/, '0'))
    default:
      return BEGINNINGS[node.is]
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
