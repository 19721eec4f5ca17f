import type { Tee } from '@nacre/verify'
import { parseDstackBundle } from '@nacre/verify/attest/dstackBundle'
import { amdCollateral } from './amdCollateral.ts'
import { intelCollateral } from './intelCollateral.ts'
import type { Needs, Services } from './services.ts'

/** Throws where the evidence does not tell what it needs. */
export function needsOf(tee: Tee, evidence: Uint8Array, services: Services, product?: string): Needs {
  if (tee === 'tdx' || tee === 'sgx') return intelCollateral(tee, evidence, services)
  if (tee === 'snp') return amdCollateral(evidence, services, product)
  if (tee === 'dstack') return intelCollateral('tdx', parseDstackBundle(evidence).quote, services)
  throw new Error(`no service has collateral of ${tee}: Intel's is of TDX, SGX and dstack, AMD's of SEV-SNP`)
}
