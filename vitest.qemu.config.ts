import { defineConfig } from 'vitest/config'

/** Started by test/qemu/run.ts, which builds the release that these tests boot. One machine at a time: without KVM each takes a core. */
export default defineConfig({
  test: {
    include: ['test/qemu/*.test.ts'],
    globalSetup: ['test/chain.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    maxWorkers: 1,
  },
})
