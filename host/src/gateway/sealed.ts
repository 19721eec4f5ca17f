import { ApiError } from '../inference/apiErrors.ts'
import { SEAL_OVERHEAD } from '../inference/calls.ts'
import { passOn } from '../inference/exchange.ts'
import { type Call, sendTo } from './call.ts'
import type { Usage } from './keys.ts'
import { announcedLength } from './plain.ts'
import { isReceiptKey, type Pool } from './pool.ts'

/**
 * Passes a sealed body to the one enclave that can open it, once: to no other, and not again. Counts its bytes and
 * those of the answer, which is all that is known of either, as they pass. @throws ApiError
 */
export async function answerSealed(
  { pool, maxBody, silenceMs }: { pool: Pool; maxBody: number; silenceMs: number },
  call: Call,
  used: Usage,
): Promise<void> {
  const { incoming } = call
  const length = announcedLength(incoming, maxBody + SEAL_OVERHEAD)
  const enclave = incoming.headers['x-nacre-enclave']
  if (typeof enclave !== 'string' || !isReceiptKey(enclave))
    throw new ApiError(
      'invalid_value',
      'A sealed body needs x-nacre-enclave, the receipt key of who can open it.',
    )
  const [backend] = pool.of({ enclave })
  if (!backend) throw enclaveGone()
  const leave = backend.open.enter()
  used.sealedBytes += length
  try {
    const answer = await sendTo(backend, call, { silenceMs, body: incoming, length }).catch(error => {
      if (call.gone.aborted) throw error
      backend.suspect()
      throw enclaveGone()
    })
    const see = (piece: Uint8Array) => {
      used.sealedBytes += piece.length
    }
    await passOn(answer, call.outgoing, { see })
  } finally {
    leave()
  }
}

/** What a client can do about it: verify another enclave, and seal to that one. */
function enclaveGone(): ApiError {
  return new ApiError(
    'enclave_gone',
    'The enclave that this body is sealed to does not answer here: attest another one, and seal to it.',
  )
}
