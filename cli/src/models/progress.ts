/** Says on standard error how far a file has come: on a terminal one line that changes, elsewhere a line every tenth. */
export function createTransferProgress(stream: NodeJS.WriteStream = process.stderr): {
  update: (done: number, total: number | undefined) => void
  end: () => void
} {
  const started = performance.now()
  let first: number | undefined
  let shown = 0
  let tenth = -1
  const write = (done: number, total: number | undefined): void => {
    first ??= done
    const now = performance.now()
    const rate = (done - first) / Math.max(0.001, (now - started) / 1000)
    const line = lineOf(done, total, rate)
    if (stream.isTTY) {
      if (now - shown < 200 && done !== total) return
      shown = now
      stream.write(`\r\x1b[K${line}`)
    } else if (total !== undefined && Math.floor((10 * done) / total) > tenth) {
      tenth = Math.floor((10 * done) / total)
      stream.write(`${line}\n`)
    }
  }
  return { update: write, end: () => void (stream.isTTY && shown > 0 && stream.write('\n')) }
}

function lineOf(done: number, total: number | undefined, rate: number): string {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)
  const speed = `${megabytes(rate)} MB/s`
  if (total === undefined) return `${megabytes(done)} MB, ${speed}`
  const left = rate > 0 ? `, ${Math.ceil((total - done) / rate)} s left` : ''
  return `${megabytes(done)} of ${megabytes(total)} MB, ${Math.floor((100 * done) / Math.max(1, total))} %, ${speed}${left}`
}
