/** A signal that asks to stop: work looks at it where stopping loses nothing. A second Ctrl-C ends the process. */
export function interruption(): { signal: AbortSignal; ignore: () => void } {
  const controller = new AbortController()
  const stop = () => controller.abort()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  return {
    signal: controller.signal,
    ignore: () => {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
    },
  }
}
