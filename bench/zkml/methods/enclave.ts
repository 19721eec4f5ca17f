import { readFileSync } from 'node:fs'
import { loadImage } from '@nacre/host/drivers/image'
import { simulatedDriver } from '@nacre/host/drivers/simulated'
import { createRoot } from '@nacre/host/nsm/root'
import { serializeBundle } from '@nacre/verify'
import { ensureImage } from '../../../cli/src/dev/image.ts'
import { entryOf, modelPath } from '../../../models/samples.ts'
import { memoryOf, openEnclave } from '../../launch.ts'
import { type Figures, NOTHING } from '../row.ts'
import { repeat, round } from '../times.ts'
import { questionOf, type Workload } from '../workloads.ts'

/**
 * An answer with its receipt over fresh evidence, from a SIMULATED enclave on this machine, and the client's verification: no verdict is
 * kept from one to the next.
 */
export async function measureEnclave(workload: Workload): Promise<Figures> {
  const image = await loadImage((await ensureImage()).dir)
  const artifact = entryOf(workload.model).sha256
  const question = { artifact, path: modelPath(workload.model), input: questionOf(workload) }
  const started = performance.now()
  const enclave = await openEnclave(simulatedDriver, image, createRoot())
  try {
    await enclave.client.loadArtifact(artifact, readFileSync(question.path))
    const setup = performance.now() - started
    let bundle = await enclave.ask(question)
    const answers = await repeat(
      async () => {
        bundle = await enclave.ask(question)
        enclave.verify(bundle)
      },
      { atMost: 200, seconds: 3 },
    )
    const verdicts = await repeat(() => enclave.verify(bundle), { atMost: 200, seconds: 1 })
    return {
      ...NOTHING,
      prove_ms: answers.median,
      verify_ms: verdicts.median,
      proof_bytes: Buffer.byteLength(serializeBundle(bundle)),
      rss_mb: Math.round(memoryOf(enclave.pid, 'VmHWM') / 1e5) / 10,
      cold_ms: answers.cold,
      setup_ms: round(setup),
      gas: checkReceiptGas(),
      note: 'gas: EnclaveRegistry.checkReceipt, as contracts/snapshots have it, without a transaction’s 21,000',
    }
  } finally {
    await enclave.terminate()
  }
}

function checkReceiptGas(): number {
  const file = new URL('../../../contracts/snapshots/Attestation.json', import.meta.url)
  return Number(JSON.parse(readFileSync(file, 'utf8'))['attestation.checkReceipt'])
}
