/** Turns the bytes of tokens into text: whole characters alone, nothing that may become a stop sequence. */
export type Output = {
  /** What this token adds, and whether a stop sequence is complete: then nothing follows. */
  add(bytes: Uint8Array): { text: string; stopped: boolean }
  /** What was held back; the rest of a character that never came is left out. */
  end(): string
}

export function createOutput(stop: string[]): Output {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let held = ''
  return {
    add(bytes) {
      const text = held + decoder.decode(bytes, { stream: true })
      const found = firstOf(stop, text)
      if (found >= 0) {
        held = ''
        return { text: text.slice(0, found), stopped: true }
      }
      const keep = longestBeginning(stop, text)
      held = text.slice(text.length - keep)
      return { text: text.slice(0, text.length - keep), stopped: false }
    },
    end() {
      const text = held
      held = ''
      return text
    },
  }
}

function firstOf(stop: string[], text: string): number {
  const places = stop.map(sequence => text.indexOf(sequence)).filter(at => at >= 0)
  return places.length ? Math.min(...places) : -1
}

/** The length of the longest end of the text that is the beginning of a stop sequence. */
function longestBeginning(stop: string[], text: string): number {
  const longest = Math.max(0, ...stop.map(sequence => sequence.length - 1))
  for (let length = Math.min(longest, text.length); length > 0; length--)
    if (stop.some(sequence => sequence.startsWith(text.slice(text.length - length)))) return length
  return 0
}
