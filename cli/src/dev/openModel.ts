import { type EnclaveConfig, type Hex, manifestHash, releaseId, ZERO_ADDRESS } from '@nacre/verify'
import type { Candidate } from '../catalog.ts'
import { CliError } from '../errors.ts'
import { ensureImage, type Image } from './image.ts'
import type { Progress } from './progress.ts'

/** Of no operator: nothing is signed with it. */
const NOBODY: Hex = ZERO_ADDRESS

/**
 * Loads a model into an enclave as an operator would, and ends that enclave: what it refuses would keep the network
 * from starting.
 * @throws CliError bad-file with the enclave's reason
 */
export async function openInEnclave({ file, bytes, artifact }: Candidate, { step }: Progress): Promise<void> {
  const image = await ensureImage()
  step('starting an enclave to open the model in')
  const { createRoot, launchEnclave, simulatedDriver } = await loadEnclaves()
  endInOrder()
  try {
    const enclave = await launchEnclave({
      driver: simulatedDriver,
      image,
      root: createRoot(),
      config: configOf(image),
      artifacts: [{ file, bytes, artifact }],
      onLog: () => {},
    })
    await enclave.terminate()
  } catch (error) {
    throw refusalOf(file, error) ?? error
  }
  step('the enclave loads it')
}

function configOf({ manifest }: Image): EnclaveConfig {
  const limits = { maxInput: 1_048_576, maxOutput: 65_536 }
  const release = releaseId(NOBODY, manifestHash(manifest))
  return { version: 1, chainId: 31_337n, registry: NOBODY, operator: NOBODY, releaseId: release, ...limits }
}

/** The driver removes its files when this process exits, which a signal alone would not let it do. */
function endInOrder(): void {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
}

function refusalOf(file: string, error: unknown): CliError | undefined {
  const { code, why, fix } = error as { code?: string; why?: string; fix?: string }
  if (code !== 'CONFIG_INVALID') return undefined
  return new CliError('bad-file', {
    what: `${file} is not a model that the enclave loads`,
    why: why ?? String(error),
    fix: fix ?? 'give the path of an ONNX file',
  })
}

async function loadEnclaves() {
  const [{ createRoot }, { launchEnclave }, { simulatedDriver }] = await Promise.all([
    import('@nacre/host/nsm/root'),
    import('@nacre/host/operator/launch'),
    import('@nacre/host/drivers/simulated'),
  ])
  return { createRoot, launchEnclave, simulatedDriver }
}
