import { COMMITMENTS } from './commitments.ts'
import { MODULI } from './modulus.ts'
import type { Mutant } from './mutant.ts'
import { RANGES } from './ranges.ts'
import { RELATIONS } from './relations.ts'
import { ROWS } from './rows.ts'
import { SCALARS } from './scalars.ts'

export const MUTANTS: Mutant[] = [...RANGES, ...COMMITMENTS, ...MODULI, ...ROWS, ...RELATIONS, ...SCALARS]
