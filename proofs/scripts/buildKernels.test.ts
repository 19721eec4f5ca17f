import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { compileKernels, KERNELS_MODULE } from './buildKernels.ts'

test('the committed kernels are what their source compiles to', async () => {
  expect(await compileKernels()).toBe(readFileSync(KERNELS_MODULE, 'utf8'))
})
