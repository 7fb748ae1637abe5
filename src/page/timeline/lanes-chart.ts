// A lane for each kit: when it sent, when it was silent, and what a replay brought of that later.
import { el, foreign, setChildren } from '../dom.js';
import type { Cell, Span } from './aggregate.js';

export interface LaneRange {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

const HEIGHT = 18;
/** Also a single minute of a week is seen. */
const MIN_CELL_PX = 1.5;

interface Lane {
  readonly row: HTMLElement;
  readonly canvas: HTMLCanvasElement;
}

export class LanesChart {
  private readonly lanes = new Map<string, Lane>();
  private readonly list = el('ul', { class: 'lanes' });
  private draw: (() => void) | null = null;
  readonly element = el('div', { class: 'lanes-chart', 'aria-hidden': 'true' }, legend(), this.list);

  constructor(private readonly picked: (ms: number) => void) {
    new ResizeObserver(() => this.draw?.()).observe(this.list);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw?.());
  }

  show(
    cells: ReadonlyMap<string, readonly Cell[]>,
    spans: readonly Span[],
    range: LaneRange,
    kitName: (kitId: string) => string,
  ): void {
    for (const id of this.lanes.keys()) if (!cells.has(id)) this.lanes.delete(id);
    const rows = [...cells.keys()].map((kitId) => {
      const lane = this.lanes.get(kitId) ?? makeLane(kitName(kitId));
      this.lanes.set(kitId, lane);
      lane.canvas.onclick = ({ offsetX }) => {
        this.picked(range.fromMs + (offsetX / lane.canvas.clientWidth) * (range.toMs - range.fromMs));
      };
      return lane.row;
    });
    setChildren(this.list, rows);
    this.draw = () => {
      for (const [kitId, { canvas }] of this.lanes) {
        const gaps = spans.filter((span) => span.kitId === kitId && span.what === 'gap');
        drawLane(canvas, cells.get(kitId) ?? [], gaps, range);
      }
    };
    this.draw();
  }
}

function makeLane(name: string): Lane {
  const canvas = el('canvas', {});
  return { row: el('li', {}, el('span', { class: 'lane-name' }, foreign(name)), canvas), canvas };
}

function legend(): HTMLElement {
  const key = (what: string, words: string): HTMLElement => el('li', { class: `key ${what}` }, words);
  return el(
    'ul',
    { class: 'keys' },
    key('sent', 'sent as it happened'),
    key('filled', 'filled by a replay'),
    key('gap', 'nothing came'),
  );
}

function drawLane(canvas: HTMLCanvasElement, cells: readonly Cell[], gaps: readonly Span[], range: LaneRange): void {
  const width = canvas.clientWidth;
  const ratio = devicePixelRatio;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = HEIGHT * ratio;
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const [sent = '', filled = '', gap = ''] = ['sent', 'filled', 'gap'].map((what) => {
    return style.getPropertyValue(`--lane-${what}`).trim();
  });
  const x = (ms: number): number => ((ms - range.fromMs) / (range.toMs - range.fromMs)) * width;
  const most = Math.max(1, ...cells.map(({ messages }) => messages));
  for (const { at, messages, late } of cells) {
    const wide = Math.max(MIN_CELL_PX, x(at + range.stepMs) - x(at));
    // By its logarithm: a little is seen beside a lot.
    const share = Math.log1p(messages) / Math.log1p(most);
    const high = HEIGHT * (0.35 + 0.65 * share);
    context.fillStyle = late > 0 ? filled : sent;
    context.fillRect(x(at), HEIGHT - high, wide, high);
  }
  context.fillStyle = gap;
  for (const { fromMs, toMs } of gaps) {
    context.fillRect(x(fromMs), HEIGHT - 5, Math.max(MIN_CELL_PX, x(toMs) - x(fromMs)), 5);
  }
}
