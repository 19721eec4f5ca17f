/** The scalar field of BN254, which Groth16's constraints are over (docs/zk-groth16.md, section 1). */

/** The order of BN254's groups, a prime of 254 bits. */
export const MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617n

/** The least non-negative representative. */
export function mod(value: bigint): bigint {
  const rest = value % MODULUS
  return rest < 0n ? rest + MODULUS : rest
}

/** 1 / value, by the extended Euclidean algorithm; value is not 0. */
export function inverse(value: bigint): bigint {
  let [a, b] = [MODULUS, mod(value)]
  let [s, t] = [0n, 1n]
  while (b !== 0n) {
    const quotient = a / b
    ;[a, b] = [b, a - quotient * b]
    ;[s, t] = [t, s - quotient * t]
  }
  return mod(s)
}

/** 32 bytes, most significant first. */
export function fieldBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32)
  let left = value
  for (let i = 31; i >= 0; i--) {
    bytes[i] = Number(left & 0xffn)
    left >>= 8n
  }
  return bytes
}
