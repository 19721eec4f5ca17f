import { ASSURANCE, TEE_KIND } from '@nacre/verify'
import { expect, test } from 'vitest'
import { DRIVER_NAMES, DRIVERS, driverOf } from './index.ts'

test.each(DRIVER_NAMES)(
  '%s: its name, kind and assurance are known ones, and it says whether it works here',
  async name => {
    const driver = driverOf(name, { memoryMb: 2048, cpus: 1 })
    expect(driver.name).toBe(name)
    expect(Object.keys(TEE_KIND)).toContain(driver.kind)
    expect(Object.keys(ASSURANCE)).toContain(driver.assurance)
    expect(driver.assurance === 'simulated').toBe(driver.kind === 'simulated')
    const { ok, detail, fix } = await DRIVERS[name].probe()
    expect(detail).not.toBe('')
    if (!ok) expect(fix).toEqual(expect.any(String))
  },
)
