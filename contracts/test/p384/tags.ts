/** Domain separation: what the inputs of the three roles of the hash begin or end with. */
const ascii = (text: string): Uint8Array =>
  Buffer.concat([Buffer.from(text), Buffer.alloc(32)]).subarray(0, 32)

export const TAG1: Uint8Array = ascii('nacre.p384.slopes')
export const TAG2: Uint8Array = ascii('nacre.p384.modulus')
export const TAG3: bigint = 1n << 255n
