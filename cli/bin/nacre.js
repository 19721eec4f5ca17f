#!/usr/bin/env node
// Starts on any Node from 20.19 and continues on one that runs TypeScript: this one, or the repository's own.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MINIMUM = [24, 0]
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

if (isNewEnough(process.versions.node)) await import(main)
else reExecute(findOwnNode())

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])
}

/** npm may hoist: look for node_modules/.bin/node from here upwards. */
function findOwnNode() {
  for (let dir = dirname(main); ; dir = dirname(dir)) {
    const candidate = join(dir, 'node_modules', '.bin', 'node')
    if (existsSync(candidate)) return candidate
    if (dir === dirname(dir)) return undefined
  }
}

function reExecute(node) {
  if (node === undefined) {
    console.error(
      `nacre: this is Node ${process.versions.node}, and nacre needs ${MINIMUM.join('.')} or newer\n` +
        'why: nacre runs its TypeScript without a build step; its own Node comes with `npm ci`, and was not found\n' +
        'fix: run `npm ci` (without --omit=optional) in the repository, or install Node 24 or newer',
    )
    process.exit(3)
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  // A terminal sends Ctrl-C to the whole process group: forwarding it there would make one press two.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('error', error => {
    console.error(`nacre: ${node} does not start: ${error.message}\nfix: run \`npm ci\` again`)
    process.exit(3)
  })
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]))
}
