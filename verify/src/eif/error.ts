import { NacreError } from '../errors.ts'

export function invalidEif(reason: string): NacreError {
  return new NacreError('invalid-eif', `not an enclave image file: ${reason}`)
}
