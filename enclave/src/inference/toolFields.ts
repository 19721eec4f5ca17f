import { arrayOf, objectOf, oneOf, type Parser } from '@nacre/verify/shape'
import { aBoolean, anyText, unsupported, wrong } from './fields.ts'
import type { Tool } from './languageEngine.ts'
import { MAX_TOOLS, parseToolName } from './messages.ts'
import { checkSchema } from './schema.ts'

/** Which tools a chat may, or has to, call. */
export type ToolChoice = 'none' | 'auto' | 'required' | { name: string }

type FunctionFields = { name: string }
type FunctionOptions = { description: string; parameters: unknown; strict: boolean | null }

const parseFunction = objectOf<FunctionFields, FunctionOptions>(
  { name: parseToolName },
  {
    description: anyText,
    parameters: value => value,
    strict: (value, path) => (value === null ? null : aBoolean(value, path)),
  },
)

/** A function without parameters takes an empty object (OpenAI's reference). */
const NO_PARAMETERS = { type: 'object', properties: {}, additionalProperties: false }

const parseTool: Parser<Tool> = (value, path) => {
  requireFunction(value, 'tools', path)
  const tool = objectOf<{ type: 'function'; function: ReturnType<typeof parseFunction> }>({
    type: oneOf('function'),
    function: parseFunction,
  })(value, path)
  const { name, description, parameters } = tool.function
  const schema = parameters ?? NO_PARAMETERS
  checkSchema(schema)
  return { name, ...(description !== undefined && { description }), parameters: schema }
}

export const parseTools: Parser<Tool[]> = (value, path) => {
  const tools = arrayOf(parseTool, MAX_TOOLS)(value, path)
  if (tools.length === 0) throw wrong(path, `${path} is empty`)
  const twice = tools.find(({ name }, i) => tools.findIndex(other => other.name === name) < i)
  if (twice) throw wrong(path, `${path} has ${twice.name} twice`)
  return tools
}

const parseNamed = objectOf<{ type: 'function'; function: FunctionFields }>({
  type: oneOf('function'),
  function: objectOf<FunctionFields>({ name: parseToolName }),
})

export const parseToolChoice: Parser<ToolChoice> = (value, path) => {
  if (typeof value === 'string') return oneOf('none', 'auto', 'required')(value, path)
  requireFunction(value, path, path)
  return { name: parseNamed(value, path).function.name }
}

function requireFunction(value: unknown, param: string, path: string): void {
  const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined
  if (typeof type !== 'string' || type === 'function') return
  throw unsupported(param, `${path}: the type ${type.slice(0, 64)} is not implemented, function is`)
}
