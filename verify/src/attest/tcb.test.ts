import { describe, expect, test } from 'vitest'
import { LEVEL_STATUSES, type LevelStatus } from './intelJson.ts'
import { rateSgx, rateTdx } from './tcb.ts'
import type { TcbInfo } from './tcbInfo.ts'

const HIGH = 0xf0
const svns = (svn: number): number[] => Array(16).fill(svn)
const bytes = (...first: number[]): Uint8Array => Uint8Array.of(...first, ...Array(16 - first.length).fill(0))
const zeros = (size: number): Uint8Array => new Uint8Array(size)
const identity = { mrSigner: zeros(48), attributes: zeros(8), attributesMask: zeros(8) }

/** Two levels, high and 0, of the machine and of the TDX modules of major version 1. */
type Statuses = { latest: LevelStatus; earliest: LevelStatus; module: [LevelStatus, LevelStatus] }

function info({ latest, earliest, module }: Statuses): TcbInfo {
  const level = (svn: number, status: LevelStatus, advisory: string) => ({
    sgxSvns: svns(svn),
    pceSvn: svn === HIGH ? 10 : 5,
    tdxSvns: svns(svn),
    status,
    advisories: [advisory],
  })
  return {
    tee: 'tdx',
    issueDate: 0n,
    nextUpdate: 0n,
    fmspc: '',
    pceId: '',
    evaluation: 1,
    levels: [level(HIGH, latest, 'latest'), level(0, earliest, 'earliest')],
    module: identity,
    modules: [
      {
        ...identity,
        id: 'TDX_01',
        levels: [
          { svn: HIGH, status: module[0], advisories: ['module'] },
          { svn: 0, status: module[1], advisories: ['old module'] },
        ],
      },
    ],
  }
}

type Machine = {
  pck?: 'latest' | 'earliest'
  launched?: Uint8Array
  current?: Uint8Array
  qe?: LevelStatus
}
const LATEST = Uint8Array.of(HIGH, 1, ...Array(14).fill(HIGH))
const EARLIEST = bytes(0, 1)

function rate(statuses: Partial<Statuses>, machine: Machine = {}) {
  const { pck = 'latest', launched = LATEST, current, qe = 'UpToDate' } = machine
  const platform = {
    ppid: '',
    fmspc: '',
    pceId: '',
    sgxSvns: svns(pck === 'latest' ? HIGH : 0),
    pceSvn: pck === 'latest' ? 10 : 5,
  }
  const all: Statuses = {
    latest: 'UpToDate',
    earliest: 'OutOfDate',
    module: ['UpToDate', 'OutOfDate'],
    ...statuses,
  }
  return rateTdx(info(all), platform, { status: qe, advisories: ['qe'] }, { launched, current })
}

describe("the status of a machine, in the cases of Intel's own library", () => {
  const relaunched = { launched: EARLIEST, current: LATEST }
  const cases: [string, Partial<Statuses>, Machine, string][] = [
    ['all latest', {}, {}, 'UpToDate'],
    ['a level below is revoked', { earliest: 'Revoked' }, {}, 'UpToDate'],
    ['the level is revoked', { latest: 'Revoked' }, {}, 'Revoked'],
    ['the module is revoked', { module: ['Revoked', 'OutOfDate'] }, {}, 'Revoked'],
    ['the quoting enclave is revoked', {}, { qe: 'Revoked' }, 'Revoked'],
    ['all earliest', {}, { pck: 'earliest', launched: EARLIEST, current: EARLIEST }, 'OutOfDate'],
    ['an old CPU with a new module', {}, { pck: 'earliest', launched: LATEST, current: LATEST }, 'OutOfDate'],
    ['the latest level is out of date', { latest: 'OutOfDate' }, {}, 'OutOfDate'],
    ['an old quoting enclave', {}, { qe: 'OutOfDate' }, 'OutOfDate'],
    ['one that needs configuration', {}, { qe: 'ConfigurationNeeded' }, 'OutOfDate'],
    ['hardening', { latest: 'SWHardeningNeeded' }, {}, 'SWHardeningNeeded'],
    [
      'hardening, at the earliest level',
      { earliest: 'SWHardeningNeeded' },
      { pck: 'earliest' },
      'SWHardeningNeeded',
    ],
    [
      'hardening and an old quoting enclave',
      { latest: 'SWHardeningNeeded' },
      { qe: 'OutOfDate' },
      'OutOfDate',
    ],
    ['configuration', { latest: 'ConfigurationNeeded' }, {}, 'ConfigurationNeeded'],
    [
      'configuration and an old quoting enclave',
      { latest: 'ConfigurationNeeded' },
      { qe: 'OutOfDate' },
      'OutOfDateConfigurationNeeded',
    ],
    [
      'configuration and an old module',
      { latest: 'ConfigurationNeeded', module: ['OutOfDate', 'OutOfDate'] },
      {},
      'OutOfDateConfigurationNeeded',
    ],
    [
      'configuration, hardening, and an old module',
      { latest: 'ConfigurationAndSWHardeningNeeded', module: ['OutOfDate', 'OutOfDate'] },
      {},
      'OutOfDateConfigurationNeeded',
    ],
    [
      'configuration and hardening',
      { latest: 'ConfigurationAndSWHardeningNeeded' },
      {},
      'ConfigurationAndSWHardeningNeeded',
    ],
    ['a module that was updated since', {}, relaunched, 'TDRelaunchAdvised'],
    ['updated to one that is not the latest', {}, { launched: EARLIEST, current: EARLIEST }, 'OutOfDate'],
    [
      'updated, with old microcode',
      {},
      { launched: EARLIEST, current: bytes(HIGH, 1, HIGH - 1) },
      'OutOfDate',
    ],
    [
      'updated to major version 0',
      {},
      { launched: EARLIEST, current: bytes(HIGH, 0, HIGH) },
      'TDRelaunchAdvised',
    ],
    [
      'updated to an old one of major version 0',
      {},
      { launched: EARLIEST, current: bytes(HIGH - 1, 0, HIGH) },
      'OutOfDate',
    ],
    ['updated, on an old CPU', {}, { pck: 'earliest', ...relaunched }, 'OutOfDate'],
    ['updated, with an old quoting enclave', {}, { qe: 'OutOfDate', ...relaunched }, 'OutOfDate'],
    ['updated, TDX 1.0, which does not tell', {}, { launched: EARLIEST }, 'OutOfDate'],
    [
      'updated, and the level needs configuration',
      { earliest: 'OutOfDateConfigurationNeeded' },
      relaunched,
      'TDRelaunchAdvisedConfigurationNeeded',
    ],
    [
      'updated, and the CPU needs configuration',
      { latest: 'ConfigurationNeeded' },
      relaunched,
      'TDRelaunchAdvisedConfigurationNeeded',
    ],
  ]
  test.each(cases)('%s', (_, statuses, machine, status) => {
    expect(rate(statuses, machine).status).toBe(status)
  })

  test('stricter than it: a CPU at a revoked level is revoked, though the module is at another', () => {
    const machine = { launched: EARLIEST, current: LATEST }
    expect(rate({ latest: 'Revoked', module: ['OutOfDate', 'OutOfDate'] }, machine).status).toBe('Revoked')
  })

  test('advisories of every part count, each once', () => {
    expect(rate({}, { launched: EARLIEST }).advisories).toEqual(['earliest', 'old module', 'qe'])
    expect(rate({}).advisories).toEqual(['latest', 'module', 'qe'])
  })

  test('the first two components are the module’s own, which has levels of its own', () => {
    const tdx = info({ latest: 'UpToDate', earliest: 'OutOfDate', module: ['UpToDate', 'OutOfDate'] })
    const level = { ...tdx.levels[0]!, tdxSvns: [9, 9, 3, ...Array(13).fill(0)] }
    const platform = { ppid: '', fmspc: '', pceId: '', sgxSvns: svns(HIGH), pceSvn: 10 }
    const qe = { status: 'UpToDate' as const, advisories: [] }
    const run = (launched: Uint8Array) =>
      rateTdx({ ...tdx, levels: [level] }, platform, qe, { launched, current: undefined }).status
    expect(run(bytes(HIGH, 1, 3))).toBe('UpToDate')
    expect(() => run(bytes(HIGH, 1, 2))).toThrow('reach none')
    expect(() => run(bytes(HIGH, 0, 3))).toThrow('reach none')
  })

  test('no part makes a status better', () => {
    const worse = [...LEVEL_STATUSES]
    for (const latest of worse) {
      for (const qe of worse) {
        const { status } = rate({ latest }, { qe })
        const rank = (name: string) => worse.indexOf(name as LevelStatus)
        expect(rank(status), `${latest}, ${qe}`).toBeGreaterThanOrEqual(rank(latest))
        if (qe !== 'UpToDate')
          expect(rank(status), `${latest}, ${qe}`).toBeGreaterThanOrEqual(rank('OutOfDate'))
      }
    }
  })
})

test('SGX: CPU and provisioning enclave reach a level together', () => {
  const sgx = { ...info({ latest: 'UpToDate', earliest: 'OutOfDate', module: ['UpToDate', 'UpToDate'] }) }
  const qe = { status: 'UpToDate' as const, advisories: [] }
  const at = (svn: number, pceSvn: number, last = svn) =>
    rateSgx(sgx, { ppid: '', fmspc: '', pceId: '', sgxSvns: [...Array(15).fill(svn), last], pceSvn }, qe)
      .status
  expect(at(HIGH, 10)).toBe('UpToDate')
  expect(at(255, 11)).toBe('UpToDate')
  expect(at(HIGH, 9)).toBe('OutOfDate')
  expect(at(HIGH, 10, HIGH - 1)).toBe('OutOfDate')
  expect(() => at(HIGH, 4)).toThrow('reach none')
})
