import { measureEif, parseEif, readCpio } from '@nacre/verify'
import { expect, test } from 'vitest'
import type { RamdiskFile } from './cpio.ts'
import { encodeEif } from './eif.ts'
import { encodePlatform } from './platform.ts'

const files: RamdiskFile[] = [
  { path: 'init', content: Buffer.from('#!/bin/node\n'), executable: true },
  { path: 'bin/node', content: Buffer.from('node'), executable: true },
]
const metadata = {
  ...{ ImageName: 'a', ImageVersion: '1', DockerInfo: {} },
  BuildMetadata: Object.fromEntries(
    ['BuildTime', 'BuildTool', 'BuildToolVersion', 'OperatingSystem', 'KernelVersion'].map(name => [
      name,
      '',
    ]),
  ),
}
test('a host that moves its beginning elsewhere has the same PCRs, and no Node', () => {
  const platform = Buffer.from(encodePlatform(files))
  const ramdisks = [platform, Buffer.from('application')]
  const honest = parseEif(encodeEif({ kernel: Buffer.from('kernel'), cmdline: 'quiet', ramdisks, metadata }))
  for (const at of entriesOf(platform).slice(1)) {
    // Its command line is empty here, as one of a zero byte is to Linux.
    const kernel = Buffer.concat([Buffer.from('kernelquiet'), platform.subarray(0, at)])
    const hostile = { ...honest, kernel, cmdline: '', ramdisks: [platform.subarray(at), honest.ramdisks[1]!] }
    expect(measureEif(hostile)).toEqual(measureEif(honest))
    const paths = readCpio(platform.subarray(at)).map(({ path }) => path)
    // In Linux a file in no folder is not made.
    expect(paths.includes('bin') && paths.includes('bin/node')).toBe(false)
  }
})

test('a file that could be left out so is refused', () => {
  const more = [...files, { path: 'apps', content: Buffer.alloc(1) }]
  expect(() => encodePlatform(more)).toThrow('apps comes before bin/node')
  expect(() => encodePlatform([])).toThrow('could boot without it')
})

/** Where the headers of a ramdisk begin. */
function entriesOf(ramdisk: Buffer): number[] {
  const found: number[] = []
  for (let at = ramdisk.indexOf('070701'); at >= 0; at = ramdisk.indexOf('070701', at + 1)) found.push(at)
  return found
}
