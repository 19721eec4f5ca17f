/** What promises came to, each with its place, in the order in which they did: the last ones need not be waited for. */
export async function* asTheyCome<T>(
  promises: readonly Promise<T>[],
): AsyncGenerator<[place: number, result: PromiseSettledResult<T>]> {
  const open = new Map(
    promises.map((promise, place) => [
      place,
      Promise.allSettled([promise]).then(([result]) => [place, result] as const),
    ]),
  )
  while (open.size > 0) {
    const [place, result] = await Promise.race(open.values())
    open.delete(place)
    yield [place, result]
  }
}
