// The door of uPlot: a chart over time, in the page's colours, whose point under the pointer is a moment one can go to.
import uPlot from 'uplot';
import { el } from '../dom.js';
import { clock } from '../format.js';

export interface Line {
  readonly name: string;
  /** A custom property of the style sheet. */
  readonly colour: string;
}

export interface ChartOptions {
  readonly lines: readonly Line[];
  /** Each stands on the one before, and is filled. */
  readonly stacked: boolean;
  readonly unit: string;
  /** A moment was clicked. */
  readonly picked: (ms: number) => void;
}

type Values = readonly (number | null)[];

const HEIGHT = 170;
const SECOND_MS = 1_000;
const HOUR = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
/** 1,500 as 1.5K: an axis has room for no more. */
const SHORT = new Intl.NumberFormat('en', { notation: 'compact' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short' });

export class Chart {
  readonly element = el('div', { class: 'chart', 'aria-hidden': 'true' });
  private plot: uPlot | null = null;
  private times: readonly number[] = [];
  private values: readonly Values[] = [];

  constructor(private readonly options: ChartOptions) {
    new ResizeObserver(() => this.fit()).observe(this.element);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.make());
    this.element.addEventListener('click', () => {
      const index = this.plot?.cursor.idx;
      const at = index === null || index === undefined ? undefined : this.times[index];
      if (at !== undefined) options.picked(at);
    });
  }

  show(times: readonly number[], values: readonly Values[]): void {
    this.times = times;
    this.values = values;
    if (this.plot === null) this.make();
    else this.plot.setData(this.data());
  }

  private make(): void {
    this.plot?.destroy();
    this.plot = null;
    const width = this.element.clientWidth;
    if (width === 0) return;
    this.plot = new uPlot(this.plotOptions(width), this.data(), this.element);
  }

  private fit(): void {
    const width = this.element.clientWidth;
    if (width === 0) return;
    if (this.plot === null) this.make();
    else if (this.plot.width !== width) this.plot.setSize({ width, height: HEIGHT });
  }

  /** The last on top is drawn first, so that each fills only what is its own. */
  private data(): uPlot.AlignedData {
    const seconds = this.times.map((ms) => ms / SECOND_MS);
    const drawn = this.options.stacked ? stacked(this.values).reverse() : this.values;
    return [seconds, ...drawn.map((values) => [...values])];
  }

  private plotOptions(width: number): uPlot.Options {
    const { lines, stacked: isStacked, unit } = this.options;
    const style = getComputedStyle(this.element);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const [text, grid] = [colour('--muted'), colour('--line')];
    const order = isStacked ? [...lines].reverse() : [...lines];
    const axis = {
      stroke: text,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1 },
      font: '12px system-ui',
    };
    const shown = (name: string) => (_: uPlot, __: number, ___: number, index: number | null) => {
      const at = lines.findIndex((line) => line.name === name);
      const value = index === null ? null : (this.values[at]?.[index] ?? null);
      return value === null ? '–' : `${Math.round(value).toLocaleString('en')} ${unit}`;
    };
    return {
      width,
      height: HEIGHT,
      cursor: { drag: { x: false, y: false }, y: false },
      scales: { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
      axes: [
        { ...axis, values: (_, times) => times.map(tick) },
        { ...axis, size: 56, values: (_, values) => values.map((value) => SHORT.format(value)) },
      ],
      series: [
        { value: (_, at) => (at === null ? '–' : clock(at * SECOND_MS)) },
        ...order.map(({ name, colour: its }) => ({
          label: name,
          stroke: colour(its),
          width: 1.5,
          points: { show: false },
          value: shown(name),
          ...(isStacked ? { fill: colour(its) } : {}),
        })),
      ],
    };
  }
}

/** The time of the day, and the day where one begins. */
function tick(s: number): string {
  const at = new Date(s * SECOND_MS);
  return at.getHours() === 0 && at.getMinutes() === 0 ? DAY.format(at) : HOUR.format(at);
}

function stacked(values: readonly Values[]): Values[] {
  const sums: number[] = [];
  return values.map((series) =>
    series.map((value, i) => {
      sums[i] = (sums[i] ?? 0) + (value ?? 0);
      return sums[i];
    }),
  );
}
