import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type EnclaveConfig, fromHex, manifestHash, releaseId, toHex, ZERO_ADDRESS } from '@nacre/verify'
import { CliError, EXIT } from '../errors.ts'
import { dim, type Output, plain } from '../output.ts'
import { badFile, readFolder } from './folder.ts'

const WRONG_FOLDER = 'what boots is built by nacre release build, a process by enclave/scripts/build.ts'

export type AttestOptions = { tee: string; out: string; memory?: number; cpus?: number; firmware?: string }

/**
 * `nacre release attest`: boots a release once on this machine, keeps its evidence, and ends it. What a machine of this
 * shape measures is in there; the enclave is nobody's, and its key ends with it.
 */
export async function attest(dir: string, options: AttestOptions, output: Output): Promise<number> {
  // Before minutes of booting.
  requireFolder(options.out)
  const { manifest } = readFolder(dir)
  const { driverOf, DRIVERS, MACHINE_OPTIONS, loadImage, createEnclaveClient, createRoot } = await loadHost()
  const name = options.tee as keyof typeof DRIVERS
  const machine = machineOf(options, MACHINE_OPTIONS[name])
  const driver = driverOf(name, machine)
  const { ok, detail, fix } = await driver.probe()
  if (!ok)
    throw new CliError('missing-part', {
      what: `the driver ${name} starts no enclave on this machine`,
      why: detail,
      fix: fix ?? 'nacre doctor lists what each driver needs',
    })
  const image = await loadImage(dir).catch(error => {
    throw badFile(`${dir} is no image`, error, 'build it: nacre release build --engine onnx --out DIR')
  })
  const config: EnclaveConfig = {
    ...{ version: 1, chainId: 31_337n, registry: ZERO_ADDRESS, operator: ZERO_ADDRESS },
    releaseId: releaseId(ZERO_ADDRESS, manifestHash(manifest)),
    ...{ maxInput: 65_536, maxOutput: 65_536 },
  }
  endInOrder()
  output.line(dim(`booting ${manifest.name} by ${name}`))
  const onLog = (line: string): void => output.line(dim(plain(line)))
  const enclave = await driver.launch(image, { config, root: createRoot(), onLog }).catch(error => {
    if (error.code === 'image-invalid') throw badFile(`${dir} is not for ${name}`, error, WRONG_FOLDER)
    const fix = error.fix ?? 'read what it said above'
    throw new CliError('child-failed', { what: 'no enclave started', why: error.message, fix })
  })
  const client = createEnclaveClient({ connect: enclave.connect })
  try {
    const { kind, bytes } = await client.attest(toHex(randomBytes(32)))
    writeFileSync(options.out, fromHex(bytes))
    const size = fromHex(bytes).length
    output.line(`${plain(options.out)}  ${kind}, ${size} bytes`)
    output.line(`What it measures: nacre release measure --evidence ${plain(options.out)} --collateral DIR`)
    output.result({ evidence: options.out, kind, size })
    return EXIT.ok
  } finally {
    client.close()
    await enclave.terminate()
  }
}

function requireFolder(file: string): void {
  const folder = dirname(resolve(file))
  if (!existsSync(folder))
    throw badFile(`${file} cannot be written`, `there is no folder ${folder}`, `mkdir -p ${folder}`)
}

/** What a driver does not read is a mistake, and not passed over. */
function machineOf(
  { tee, memory, cpus, firmware }: AttestOptions,
  taken: readonly string[],
): { memoryMb?: number; cpus?: number; firmware?: string } {
  const given = {
    ...(memory !== undefined && { memoryMb: memory }),
    ...(cpus !== undefined && { cpus }),
    ...(firmware !== undefined && { firmware }),
  }
  const extra = Object.keys(given).find(key => !taken.includes(key))
  if (extra === undefined) return given
  throw new CliError('usage', {
    what: `the driver ${tee} does not take ${extra === 'memoryMb' ? '--memory' : `--${extra}`}`,
    why: 'it has no machine of its own of which that could be said',
    fix: 'leave it out',
  })
}

/** The driver ends what it started when this process exits, which a signal alone would not let it do. */
function endInOrder(): void {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(EXIT.interrupted))
}

async function loadHost() {
  const [drivers, { loadImage }, { createEnclaveClient }, { createRoot }] = await Promise.all([
    import('@nacre/host/drivers/index'),
    import('@nacre/host/drivers/image'),
    import('@nacre/host/enclaveClient'),
    import('@nacre/host/nsm/root'),
  ])
  return { ...drivers, loadImage, createEnclaveClient, createRoot }
}
