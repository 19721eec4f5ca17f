import { EngineError } from './languageEngine.ts'

/** A checked schema: what the grammar is made of, and what values are compared with. */
export type Schema = { root: Node; defs: Map<string, Node> }

export type Node =
  | { is: 'any' | 'boolean' | 'null' }
  | { is: 'ref'; name: string }
  | { is: 'anyOf'; options: Node[] }
  | { is: 'values'; values: unknown[] }
  | { is: 'string'; least: number; most: number }
  | { is: 'number'; integer: boolean; minimum: number; maximum: number; above: number; below: number }
  | { is: 'array'; prefix: Node[]; items: Node | undefined; least: number; most: number }
  | { is: 'object'; properties: Property[]; open: boolean }

export type Property = { name: string; node: Node; required: boolean }

/** What a reference leads to. @throws EngineError invalid-schema */
export function targetOf({ name }: Node & { is: 'ref' }, defs: Map<string, Node>): Node {
  const target = defs.get(name)
  if (target) return target
  throw invalid(name.slice(0, 64), 'there is no such definition in the schema')
}

export function isOfType(value: unknown, type: string): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}

export function invalid(path: string, reason: string): EngineError {
  return new EngineError('invalid-schema', `${path.slice(0, 256)}: ${reason}`)
}
