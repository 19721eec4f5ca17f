import { randomInt } from 'node:crypto'
import { choosePort } from '../src/processes/packages.ts'

/**
 * The first of some neighbouring free ports, for servers that stop and come back to them. They lie below those that
 * Linux gives to whoever asks for any: nobody takes them by chance in between.
 */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = randomInt(10_000, 32_000)
    const ports = Array.from({ length: count }, (_, index) => first + index)
    if (await Promise.all(ports.map(choosePort)).catch(() => undefined)) return first
  }
}
