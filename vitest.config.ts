import { defineConfig } from 'vitest/config'

/** What only computes: these files keep nothing, and share their workers. */
const PURE = ['verify/**/*.test.ts', 'vectors/**/*.test.ts', 'proofs/**/*.test.ts']
// What boots machines: vitest.qemu.config.ts.
const ELSEWHERE = ['**/node_modules/**', '**/dist/**', 'test/qemu/**']

export default defineConfig({
  test: {
    globalSetup: ['test/chain.ts', 'test/evidence.ts'],
    // They end what hangs and measure nothing: tests start whole networks, on machines that are many times slower too.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // Most tests wait for processes: two at a time fill two cores, and vitest's own choice there is one.
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'pure', include: PURE, exclude: ELSEWHERE, isolate: false } },
      {
        extends: true,
        test: { name: 'all else', include: ['**/*.test.ts'], exclude: [...ELSEWHERE, ...PURE] },
      },
    ],
  },
})
