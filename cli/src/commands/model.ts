import { addModel, readCatalog, removeModel } from '../catalog.ts'
import { openInEnclave } from '../dev/openModel.ts'
import { createProgress } from '../dev/progress.ts'
import { EXIT } from '../errors.ts'
import type { Output } from '../output.ts'
import { statePaths } from '../paths.ts'
import { openState } from '../state.ts'
import { table } from '../table.ts'

/** `nacre model add FILE`. */
export async function add(
  file: string,
  options: { state: string; name?: string },
  output: Output,
): Promise<number> {
  const progress = createProgress(output)
  const { name, artifact } = await addModel(openState(options.state), file, {
    name: options.name,
    open: candidate => openInEnclave(candidate, progress),
  })
  output.line(`${name}  ${artifact}`)
  output.line('Announced at the next start of nacre dev; then: nacre request NAME --input JSON')
  output.result({ name, artifact })
  return EXIT.ok
}

/** `nacre model remove NAME`. */
export async function remove(name: string, options: { state: string }, output: Output): Promise<number> {
  const removed = removeModel(openState(options.state), name)
  output.line(`${removed.name}  ${removed.artifact}`)
  output.line('Removed. Its offers are taken back at the next start of nacre dev.')
  output.result(removed)
  return EXIT.ok
}

/** `nacre model list`. */
export async function list(options: { state: string }, output: Output): Promise<number> {
  const models = readCatalog(statePaths(options.state))
  for (const line of table(
    ['name', 'title', 'artifact'],
    models.map(one => [one.name, one.title, one.artifact]),
  ))
    output.line(line)
  output.result({ models: models.map(({ name, title, artifact }) => ({ name, title, artifact })) })
  return EXIT.ok
}
