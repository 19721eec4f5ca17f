/**
 * A stand-in of QEMU on a machine with TDX or SEV-SNP: `DIR …`. It keeps its arguments in DIR, and is the guest itself,
 * at the other end of descriptor 3. The machine's reports are those of an authority of tests.
 */
import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { createTsmFolder, type TsmBehaviour } from '../../enclave/test/tsmFolder.ts'
import { createDcapAuthority, createSnpAuthority, tableOf } from '../../test/mock-authority/index.ts'
import { serveGuest } from './guestSide.ts'

/** When the machines' reports are made. */
export const REPORT_TIME = 1_790_000_000n
export const intel: ReturnType<typeof createDcapAuthority> = createDcapAuthority('nacre tdx driver')
export const amd: ReturnType<typeof createSnpAuthority> = createSnpAuthority('nacre snp driver')

const TDX: TsmBehaviour = {
  report: reportData => ({
    outblob: intel.issue({ time: REPORT_TIME, tee: 'tdx', td: { reportData } }).quote,
  }),
}
const SNP: TsmBehaviour = {
  provider: 'sev_guest',
  report: reportData => ({
    outblob: amd.report({ time: REPORT_TIME, reportData }),
    auxblob: tableOf([...amd.certificates({ time: REPORT_TIME }).values()]),
  }),
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2))

async function main([dir = '', ...args]: string[]): Promise<void> {
  if (args[0] === '--version') return void process.stdout.write('QEMU emulator version 10.1.0\n')
  const file = (name: string) => args[args.indexOf(name) + 1] ?? ''
  const booted = [file('-kernel'), file('-initrd')].map(path => readFileSync(path, 'latin1'))
  writeFileSync(join(dir, 'booted.json'), JSON.stringify({ pid: process.pid, args, booted }))
  appendFileSync(join(dir, 'pids'), `${process.pid}\n`)
  const tsm = createTsmFolder(args.join(' ').includes('tdx-guest') ? TDX : SNP)
  const folder = mkdtempSync(join(dir, 'guest-'))
  await serveGuest(new Socket({ fd: 3, readable: true, writable: true }), folder, { tsm })
  tsm.close()
  process.exit()
}
