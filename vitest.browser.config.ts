import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'

/**
 * The tests of everything that runs in browsers, in Chromium; `*.node.test.ts` are those that need Node. The provider
 * imports `playwright`, which package.json maps to playwright-core: the same driver without its own test runner.
 */
export default defineConfig({
  test: {
    include: [
      'verify/**/*.test.ts',
      'proofs/src/zk/{graph,verifier}/**/*.test.ts',
      'sdk/**/*.test.ts',
      'vectors/**/*.test.ts',
    ],
    exclude: ['**/node_modules/**', '**/*.node.test.ts'],
    globalSetup: ['test/chain.ts', 'test/evidence.ts'],
    // One page for all: they keep nothing, and loading the modules again for each took half of the time.
    isolate: false,
    testTimeout: 180_000,
    hookTimeout: 300_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        // Root, as in the gate's container, cannot have Chromium's sandbox; these pages load nothing but our tests.
        launchOptions: { executablePath: findChromium(), chromiumSandbox: false },
      }),
      instances: [{ browser: 'chromium' }],
    },
  },
})

function findChromium(): string {
  const named = process.env.NACRE_CHROMIUM
  const candidates = named
    ? [named]
    : (process.env.PATH ?? '').split(delimiter).map(dir => join(dir, 'chromium'))
  const found = candidates.find(isExecutable)
  if (found) return found
  throw new Error(
    `No Chromium ${named ? `at NACRE_CHROMIUM=${named}` : 'on the PATH'}: verify and sdk cannot be tested in a browser.\n` +
      'fix: apt-get install chromium   (or set NACRE_CHROMIUM to a Chromium or Chrome)',
  )
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
