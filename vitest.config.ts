import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    // What boots machines: vitest.qemu.config.ts.
    exclude: ['**/node_modules/**', '**/dist/**', 'test/qemu/**'],
    globalSetup: ['test/chain.ts', 'test/evidence.ts'],
    // They end what hangs and measure nothing: tests start whole networks, on machines that are many times slower too.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // Most tests wait for processes: two at a time fill two cores, and vitest's own choice there is one.
    maxWorkers: 2,
  },
})
