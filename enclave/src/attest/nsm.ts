import { connect } from 'node:net'
import { decodeCbor, encodeCbor } from '@nacre/verify'
import type { ChannelError } from '../errors.ts'
import { type Provider, unavailable } from './evidence.ts'
import { MAX_MODULE_REQUEST, MAX_MODULE_RESPONSE, MODULE_TIMEOUT_MS } from './limits.ts'

/**
 * The signed document of a security module: AWS NSM's messages in frames `u32be length | CBOR` over a Unix socket, one
 * connection a call. Who answers there is the simulated driver, or in a VM the guest's bridge to its real module.
 */
export function nsmProvider(socketPath: string, timeoutMs: number = MODULE_TIMEOUT_MS): Provider {
  return async (userData, nonce) => {
    const request = new Map([
      [
        'Attestation',
        new Map([
          ['user_data', userData],
          ['nonce', nonce],
          ['public_key', null],
        ]),
      ],
    ])
    return documentOf(await call(socketPath, encodeCbor(request), timeoutMs))
  }
}

function documentOf(response: Uint8Array): Uint8Array {
  const answer = decode(response)
  const attestation = answer instanceof Map ? answer.get('Attestation') : undefined
  const document = attestation instanceof Map ? attestation.get('document') : undefined
  if (document instanceof Uint8Array) return document
  const reason = answer instanceof Map ? answer.get('Error') : undefined
  throw failed(typeof reason === 'string' ? `it answered ${reason}` : 'its answer is not an attestation')
}

function decode(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes)
  } catch (cause) {
    throw failed('its answer is not CBOR', cause)
  }
}

/** Sends one frame and returns the content of the one frame that comes back. */
function call(socketPath: string, request: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
  if (request.length > MAX_MODULE_REQUEST) throw failed(`a request of ${request.length} bytes`)
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const socket = connect(socketPath)
  let received = Buffer.alloc(0)
  // A deadline of the whole call: a module that sends a byte now and then is not waited for.
  const deadline = setTimeout(() => reject(failed('it does not answer')), timeoutMs)
  socket.on('error', cause => reject(failed('the connection broke', cause)))
  const onClose = () => reject(failed('it closed the connection'))
  socket.on('close', onClose)
  socket.on('data', chunk => {
    received = Buffer.concat([received, chunk])
    if (received.length < 4) return
    const length = received.readUInt32BE(0)
    if (length === 0 || length > MAX_MODULE_RESPONSE) reject(failed(`an answer of ${length} bytes`))
    else if (received.length > 4 + length) reject(failed('bytes after its answer'))
    else if (received.length === 4 + length) resolve(new Uint8Array(received.subarray(4)))
  })
  socket.write(frame(request))
  return promise.finally(() => {
    clearTimeout(deadline)
    // It closes after every call: an error that nobody sees is not made.
    socket.off('close', onClose).destroy()
  })
}

function frame(content: Uint8Array): Uint8Array {
  const header = Buffer.alloc(4)
  header.writeUInt32BE(content.length)
  return Buffer.concat([header, content])
}

function failed(reason: string, cause?: unknown): ChannelError {
  return unavailable('security module', reason, cause)
}
