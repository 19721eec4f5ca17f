/** The smallest of one number or more. */
export function least(...numbers: bigint[]): bigint {
  return sorted(numbers)[0]!
}

/** The greatest of one number or more. */
export function greatest(...numbers: bigint[]): bigint {
  return sorted(numbers).at(-1)!
}

function sorted(numbers: bigint[]): bigint[] {
  return numbers.toSorted((a, b) => Number(a > b) - Number(a < b))
}
