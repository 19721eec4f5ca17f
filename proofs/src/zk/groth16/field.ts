/** The scalar field of BN254, which Groth16's constraints are over (docs/zk-groth16.md, section 1). */

/** The order of BN254's groups, a prime of 254 bits. */
export const MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617n

/** The least non-negative representative. */
export function mod(value: bigint): bigint {
  const rest = value % MODULUS
  return rest < 0n ? rest + MODULUS : rest
}

/** 1 / value. value is not 0. */
export function inverse(value: bigint): bigint {
  return inverseOf(value, MODULUS)
}

/** 1 / value modulo a prime, by the extended Euclidean algorithm; value is not 0. */
export function inverseOf(value: bigint, modulus: bigint): bigint {
  let [a, b] = [modulus, ((value % modulus) + modulus) % modulus]
  let [s, t] = [0n, 1n]
  while (b !== 0n) {
    const quotient = a / b
    ;[a, b] = [b, a - quotient * b]
    ;[s, t] = [t, s - quotient * t]
  }
  return ((s % modulus) + modulus) % modulus
}

/** base^exponent. */
export function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, mod(base)]
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % MODULUS
    square = (square * square) % MODULUS
  }
  return result
}

/** 1 / value of each by one inversion (Montgomery's trick); none is 0. */
export function inverses(values: readonly bigint[]): bigint[] {
  const products: bigint[] = []
  let product = 1n
  for (const value of values) {
    products.push(product)
    product = (product * value) % MODULUS
  }
  let left = inverse(product)
  const result = new Array<bigint>(values.length)
  for (let i = values.length - 1; i >= 0; i--) {
    result[i] = (left * products[i]!) % MODULUS
    left = (left * values[i]!) % MODULUS
  }
  return result
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
