/** Public weights: the verifier has them, and evaluates what is claimed (docs/zk-soundness.md, section 7, step 8, mode 1). */
import type { Weights } from '../graph/graph.ts'
import { equal } from './field.ts'
import { extension } from './points.ts'
import type { Session } from './session.ts'

export function checkParameters({ graph, claims, checks }: Session, weights: Weights): void {
  for (const { parameter, point, value } of claims.parameters) {
    const { dims } = graph.parameters[parameter]!
    const holds = equal(extension(weights[parameter]!, dims, point), value)
    checks.ensure(`parameter-${parameter}`, holds, `parameter ${parameter} is the public one`)
  }
}
