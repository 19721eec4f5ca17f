import { parentPort, workerData } from 'node:worker_threads'
import { importOnnx } from '@nacre/proofs/zk/import'
import { NacreError } from '@nacre/verify'

/** The thread of importInThread (threads.ts). An error keeps its class in no message: what it says is sent. */
const { bytes, rows, labels } = workerData
try {
  parentPort?.postMessage({ imported: importOnnx(bytes, rows, labels ? { labels } : {}) })
} catch (error) {
  if (!(error instanceof NacreError)) throw error
  const { code, message, fix } = error
  parentPort?.postMessage({ refused: { code, message, fix } })
}
