import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chainClient } from './clients.ts'

/**
 * anvil has the states of the last 500 blocks in memory, and writes older ones to the disk, one file a block: that made
 * each block slower the longer a chain was up, and nothing asks for them.
 */
const NO_OLD_STATES = ['--max-persisted-states', '0']

/**
 * Of blocks that it loaded anvil does not know the hash that a contract asks for, and makes one up. Evidence is over the
 * hash of one of the last blocks: as many are mined first, or the chain would refuse each enclave a few times.
 */
const BLOCKS_AFTER_LOADING = '0x4'

/**
 * Starts the development chain on its saved state. anvil makes a new block 0 at every start and saves them all: with
 * the same time they are one block, so that the chain's genesis hash stays the same. Its clock is then set right.
 */
export async function startSavedChain(dir: string, port: number) {
  const { startAnvil } = await import('@nacre/host/processes/anvil')
  const isSaved = existsSync(join(dir, 'chain.json'))
  const args = ['--timestamp', genesisTime(dir), ...NO_OLD_STATES]
  const chain = await startAnvil({ dir, port, args })
  try {
    const { request } = chainClient(chain.rpcUrl)
    await request({ method: 'evm_setTime', params: [Date.now()] } as never)
    if (isSaved) await request({ method: 'anvil_mine', params: [BLOCKS_AFTER_LOADING] } as never)
    return chain
  } catch (error) {
    await chain.stop()
    throw error
  }
}

/** Seconds; chosen when the chain is new. */
function genesisTime(dir: string): string {
  const file = join(dir, 'genesis-time')
  if (existsSync(join(dir, 'chain.json')) && existsSync(file)) return readFileSync(file, 'utf8').trim()
  mkdirSync(dir, { recursive: true })
  const time = String(Math.floor(Date.now() / 1000))
  writeFileSync(file, time)
  return time
}
