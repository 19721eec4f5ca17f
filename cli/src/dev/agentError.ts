import type { Model } from '../catalog.ts'
import { CliError } from '../errors.ts'

/** What an agent says when it cannot go on: docs/operating.md, The agent. */
export type Said = { code: string; message: string; why?: string; fix?: string }

/** The same as an error of ours. A model that its enclave does not load is named with the command that takes it out. */
export function agentError(name: string, said: Said, catalog: readonly Model[]): CliError {
  const model = catalog.find(({ path }) => said.message.includes(path))
  if (said.code === 'CONFIG_INVALID' && model?.removal)
    return new CliError('child-failed', {
      what: `the enclave does not load the model ${model.name}`,
      why: `${said.why ?? said.message} (${model.path})`,
      fix: `${model.removal}, then start again`,
    })
  return new CliError('child-failed', {
    what: `${name} did not start: ${said.message}`,
    why: said.why ?? `it ended with ${said.code}, which docs/operating.md explains`,
    fix: said.fix ?? `read logs/${name.replace(' ', '-')}.log in the state folder`,
  })
}
