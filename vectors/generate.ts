import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { batchVectors } from './batches/generate.ts'
import { bundleVectors } from './bundles/generate.ts'
import { caseVectors } from './cases/generate.ts'
import { evidenceVectors } from './evidence/generate.ts'
import { nitroVectors } from './nitro/generate.ts'
import { pipelineVectors } from './pipelines/generate.ts'
import { receiptVectors } from './receipts/generate.ts'
import { releaseVectors } from './releases/generate.ts'
import { sealedVectors } from './sealed/generate.ts'
import { statementVectors } from './statements/generate.ts'
import { tensorVectors } from './tensors/generate.ts'
import { zkVectors } from './zk/generate.ts'
import { zkStatementVectors } from './zk-statements/generate.ts'

/** Every golden file: path below vectors/ and its text. Deterministic: fixed keys, RFC 6979, no clock. */
export async function generateVectors(): Promise<Map<string, string>> {
  const zk = zkVectors()
  const files = {
    ...tensorVectors(),
    ...pipelineVectors(),
    ...receiptVectors(),
    ...evidenceVectors(),
    ...bundleVectors(),
    ...batchVectors(),
    ...nitroVectors(),
    ...caseVectors(),
    ...statementVectors(),
    ...releaseVectors(),
    ...zk,
    ...zkStatementVectors(zk),
    ...(await sealedVectors()),
  }
  return new Map(Object.entries(files).map(([path, value]) => [path, `${JSON.stringify(value, null, 2)}\n`]))
}

if (import.meta.main) {
  for (const [path, text] of await generateVectors()) {
    const file = join(import.meta.dirname, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}
