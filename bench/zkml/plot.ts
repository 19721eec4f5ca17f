/** A plot of two logarithmic axes. */
export type Plot = {
  title: string
  /** With their units. */
  x: string
  y: string
  series: { name: string; colour: string; points: (readonly [x: number, y: number])[] }[]
}

const [WIDTH, HEIGHT] = [430, 340]
const MARGIN = { top: 36, right: 16, bottom: 48, left: 62 }

/** Between black and white: readable on either. */
const INK = '#7d8590'

/** Plots side by side as one SVG, without a background: it is read in light and dark. */
export function plotsSvg(plots: readonly Plot[]): string {
  const width = WIDTH * plots.length
  const body = plots.map((plot, i) => `<g transform="translate(${WIDTH * i} 0)">\n${drawn(plot)}\n</g>`)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT}" width="${width}" height="${HEIGHT}" role="img" font-family="sans-serif" font-size="12" fill="${INK}">`,
    `<title>${escaped(plots.map(({ title }) => title).join('; '))}</title>`,
    ...body,
    '</svg>\n',
  ].join('\n')
}

function drawn({ title, x, y, series }: Plot): string {
  const points = series.flatMap(one => one.points)
  const [across, up] = [
    axis(
      points.map(([value]) => value),
      MARGIN.left,
      WIDTH - MARGIN.right,
    ),
    axis(
      points.map(([, value]) => value),
      HEIGHT - MARGIN.bottom,
      MARGIN.top,
    ),
  ]
  const [left, right, top, bottom] = [MARGIN.left, WIDTH - MARGIN.right, MARGIN.top, HEIGHT - MARGIN.bottom]
  const line = (x1: number, y1: number, x2: number, y2: number): string =>
    `<line x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" stroke="${INK}" stroke-opacity="0.35"/>`
  return [
    text(title, (left + right) / 2, 18, 'middle', ' font-weight="bold"'),
    ...across.ticks.flatMap(tick => [
      line(across.at(tick), top, across.at(tick), bottom),
      text(tickText(tick), across.at(tick), bottom + 16, 'middle'),
    ]),
    ...up.ticks.flatMap(tick => [
      line(left, up.at(tick), right, up.at(tick)),
      text(tickText(tick), left - 6, up.at(tick) + 4, 'end'),
    ]),
    text(x, (left + right) / 2, HEIGHT - 10, 'middle'),
    text(y, 14, (top + bottom) / 2, 'middle', ` transform="rotate(-90 14 ${px((top + bottom) / 2)})"`),
    ...series.map(({ name, colour, points }, i) => {
      const places = points.map(([px, py]) => [across.at(px), up.at(py)] as const)
      return [
        `<polyline points="${places.map(place => place.map(px).join(',')).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        ...places.map(([cx, cy]) => `<circle cx="${px(cx)}" cy="${px(cy)}" r="3.5" fill="${colour}"/>`),
        text(
          name,
          right - 10,
          bottom - 12 - 17 * (series.length - 1 - i),
          'end',
          ` style="fill:${colour}" font-weight="bold"`,
        ),
      ].join('\n')
    }),
  ].join('\n')
}

/** From the power of ten below the smallest value to the one above the largest. */
function axis(values: readonly number[], from: number, to: number) {
  const low = Math.floor(Math.log10(Math.min(...values)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))))
  return {
    ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)),
    at: (value: number): number => from + ((Math.log10(value) - low) / (high - low)) * (to - from),
  }
}

/** 10, 100, 1 k, 10 k, 1 M. */
function tickText(value: number): string {
  if (value >= 1e6) return `${value / 1e6} M`
  return value >= 1e3 ? `${value / 1e3} k` : `${Number(value.toPrecision(1))}`
}

function text(content: string, x: number, y: number, anchor: string, more = ''): string {
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}"${more}>${escaped(content)}</text>`
}

const px = (value: number): string => `${Math.round(value * 10) / 10}`

function escaped(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;')
}
