import { expect, test } from 'vitest'
import { agentError } from './agentError.ts'

const model = (name: string, removal: string | undefined) => ({
  name,
  title: '',
  artifact: '0x' as const,
  path: `/s/models/${name}.onnx`,
  removal,
})
const catalog = [model('iris-ols', undefined), model('junk', 'nacre model remove junk')]
const refused = (name: string) => ({
  code: 'CONFIG_INVALID',
  message: `The enclave does not load the artifact /s/models/${name}.onnx.`,
  why: 'unsupported-model: model: not protobuf',
  fix: 'Export an ONNX model.',
})

test('a model that the enclave does not load is named with the command that takes it out', () => {
  expect(agentError('operator 1', refused('junk'), catalog)).toMatchObject({
    code: 'child-failed',
    message: 'the enclave does not load the model junk',
    why: 'unsupported-model: model: not protobuf (/s/models/junk.onnx)',
    fix: 'nacre model remove junk, then start again',
  })
})

test('one that cannot be taken out, and any other failure, are told as the agent told them', () => {
  expect(agentError('operator 1', refused('iris-ols'), catalog)).toMatchObject({
    message: 'operator 1 did not start: The enclave does not load the artifact /s/models/iris-ols.onnx.',
    why: 'unsupported-model: model: not protobuf',
    fix: 'Export an ONNX model.',
  })
  expect(agentError('operator 2', { code: 'INTERNAL', message: 'x' }, catalog)).toMatchObject({
    message: 'operator 2 did not start: x',
    why: expect.stringContaining('INTERNAL'),
    fix: expect.stringContaining('logs/operator-2.log'),
  })
})
