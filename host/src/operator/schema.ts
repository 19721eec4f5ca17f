import { z } from 'zod'
import { operatorConfig } from './config.ts'

/**
 * JSON Schema of the agent's configuration, for editors and checks before a start: docs/operator.schema.json.
 * Paths must be absolute and a plain key is for development chains; that is checked at the start alone.
 */
export function operatorSchema(): object {
  const schema = z.toJSONSchema(operatorConfig, { io: 'input', unrepresentable: 'any' })
  return {
    ...schema,
    title: 'Configuration of a nacre operator agent: docs/operating.md',
    allOf: [
      {
        oneOf: [
          { required: ['artifacts'], properties: { artifacts: { minItems: 1 } } },
          { required: ['inference'] },
          { required: ['zk'], properties: { zk: { minItems: 1 } }, not: { required: ['imageDir'] } },
        ],
      },
    ],
    oneOf: [
      { required: ['keystoreFile', 'passwordFile'], not: { required: ['privateKeyFile'] } },
      {
        required: ['privateKeyFile'],
        not: { anyOf: [{ required: ['keystoreFile'] }, { required: ['passwordFile'] }] },
      },
    ],
  }
}
