import { expect, test } from 'vitest'
import { memoryWarning } from './memory.ts'

test('three machines on a computer of 4 GB are too many, and it is said with what helps', () => {
  expect(memoryWarning('qemu', 3, 3_400)).toBe(
    'WARNING: the enclaves take 3600 MB of memory and 3400 are free; --operators 1 takes less',
  )
  expect(memoryWarning('qemu', 1, 1_000)).not.toContain('--operators')
  expect(memoryWarning('qemu', 3, 3_600)).toBeUndefined()
  expect(memoryWarning('simulated', 3, 3_400)).toBeUndefined()
})
