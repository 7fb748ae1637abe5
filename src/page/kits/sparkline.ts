// A line as long as a word: how something went over the last hour.
import { setAttributes, svg } from '../dom.js';

const WIDTH = 120;
const HEIGHT = 22;
const PAD = 2;

export class Sparkline {
  private readonly line = svg('polyline', { class: 'line' });
  readonly element = svg(
    'svg',
    { class: 'sparkline', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, 'aria-hidden': 'true' },
    this.line,
  );

  /** Points of (time, value), the oldest first; zero is always on it, so that a little is seen to be little. */
  show(points: readonly (readonly [number, number])[]): void {
    setAttributes(this.line, { points: coordinates(points) });
  }
}

function coordinates(points: readonly (readonly [number, number])[]): string {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined || points.length < 2) return '';
  const duration = Math.max(1, last[0] - first[0]);
  const highest = Math.max(1, ...points.map(([, value]) => value));
  return points
    .map(([at, value]) => {
      const x = PAD + ((at - first[0]) / duration) * (WIDTH - 2 * PAD);
      const y = HEIGHT - PAD - (value / highest) * (HEIGHT - 2 * PAD);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(' ');
}
