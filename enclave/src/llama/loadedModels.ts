import type { Hex } from '@nacre/verify'

/** Models whose files were opened once, and which of them a process that was started again could not open. */
export type LoadedModels = {
  add(artifact: Hex, file: string): void
  has(artifact: Hex): boolean
  /** Whether it can be asked: not while it is out. */
  isIn(artifact: Hex): boolean
  /** Those that are in, for a process that starts. */
  files(): [Hex, string][]
  /** Could not be opened: it is out, and is tried again after a pause. */
  fail(artifact: Hex): void
}

export type Pauses = { least: number; most: number }

/**
 * A model that fails goes out at once, for it may have ended the process with all that was in it; each further failure
 * doubles the pause before it is tried again, so that one that always does ends the others' work ever more rarely.
 * `open` is to reject where it fails again.
 */
export function createLoadedModels(
  open: (artifact: Hex, file: string) => Promise<unknown>,
  { least, most }: Pauses,
): LoadedModels {
  const models = new Map<Hex, { file: string; failures: number; out: boolean }>()

  const fail = (artifact: Hex): void => {
    const model = models.get(artifact)
    if (!model) return
    model.out = true
    const pause = Math.min(most, least * 2 ** model.failures++)
    const again = () =>
      open(artifact, model.file).then(
        () => {
          model.out = false
        },
        () => fail(artifact),
      )
    // It keeps no program from ending.
    setTimeout(again, pause).unref()
  }
  return {
    add: (artifact, file) => void models.set(artifact, { file, failures: 0, out: false }),
    has: artifact => models.has(artifact),
    isIn: artifact => models.get(artifact)?.out === false,
    files: () => [...models].flatMap(([artifact, { file, out }]) => (out ? [] : [[artifact, file]])),
    fail,
  }
}
