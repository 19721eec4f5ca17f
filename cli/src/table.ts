/** Columns padded to their widest cell; numbers to the right. Cells are plain text. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = [header, ...rows.map(row => row.map(String))]
  const widths = header.map((_, column) => Math.max(...cells.map(row => row[column]?.length ?? 0)))
  const right = header.map((_, column) => rows.every(row => isNumeric(row[column])))
  const format = (row: readonly string[]): string =>
    widths
      .map((width, i) => (right[i] ? (row[i] ?? '').padStart(width) : (row[i] ?? '').padEnd(width)))
      .join('  ')
      .trimEnd()
  return [format(header), widths.map(width => '─'.repeat(width)).join('  '), ...cells.slice(1).map(format)]
}

function isNumeric(cell: string | number | undefined): boolean {
  return typeof cell === 'number' || (cell !== undefined && /^[-+~]?[\d.,]+( ?(ms|s|MB|×|%))?$/.test(cell))
}
