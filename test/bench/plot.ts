// Small plots beside each other, both axes logarithmic, as SVG.

export interface Panel {
  readonly title: string;
  /** What the horizontal axis counts. */
  readonly along: string;
  readonly points: readonly (readonly [number, number])[];
}

const WIDTH = 300;
const HEIGHT = 220;
const MARGIN = { left: 58, right: 14, top: 30, bottom: 42 };
const COLUMNS = 4;

export function plot(panels: readonly Panel[]): string {
  const rows = Math.ceil(panels.length / COLUMNS);
  const drawn = panels.map((panel, i) => {
    const x = (i % COLUMNS) * WIDTH;
    const y = Math.floor(i / COLUMNS) * HEIGHT;
    return `<g transform="translate(${x} ${y})">${draw(panel)}</g>`;
  });
  const size = `width="${COLUMNS * WIDTH}" height="${rows * HEIGHT}"`;
  const style = 'font-family="sans-serif" font-size="11" fill="#222"';
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${style}>
<title>How rate, memory and latency grow with the backlog and with the kits</title>
<rect width="100%" height="100%" fill="#fff"/>
${drawn.join('\n')}
</svg>
`;
}

function draw({ title, along, points }: Panel): string {
  const xs = decades(points.map(([x]) => x));
  const ys = decades(points.map(([, y]) => y));
  const right = WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const atX = (x: number): number => place(x, xs, MARGIN.left, right);
  const atY = (y: number): number => place(y, ys, bottom, MARGIN.top);
  const line = points.map(([x, y]) => `${atX(x)},${atY(y)}`).join(' ');
  return [
    `<text x="${MARGIN.left}" y="18" font-weight="bold">${title}</text>`,
    ...xs.map((x) => `<text x="${atX(x)}" y="${bottom + 15}" text-anchor="middle">${short(x)}</text>`),
    ...ys.map(
      (y) =>
        `<path d="M${MARGIN.left} ${atY(y)}H${right}" stroke="#ddd"/>` +
        `<text x="${MARGIN.left - 5}" y="${atY(y) + 4}" text-anchor="end">${short(y)}</text>`,
    ),
    `<text x="${(MARGIN.left + right) / 2}" y="${bottom + 32}" text-anchor="middle">${along}</text>`,
    `<polyline points="${line}" fill="none" stroke="#0b62a4" stroke-width="2"/>`,
    ...points.map(([x, y]) => `<circle cx="${atX(x)}" cy="${atY(y)}" r="3" fill="#0b62a4"/>`),
  ].join('\n');
}

/** The powers of ten around all of them. */
function decades(values: readonly number[]): number[] {
  const first = Math.floor(Math.log10(Math.min(...values)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
}

function place(value: number, ticks: readonly number[], from: number, to: number): number {
  const [low, high] = [Math.log10(ticks[0] ?? 1), Math.log10(ticks.at(-1) ?? 10)];
  const share = (Math.log10(value) - low) / (high - low);
  return Math.round((from + share * (to - from)) * 10) / 10;
}

function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6} M`;
  return value >= 1e3 ? `${value / 1e3} k` : String(value);
}
