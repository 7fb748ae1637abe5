// Below the map: the last hours at a glance, and a slider that moves the map through them.
import { button, el, labelled, setAttributes, setText } from '../dom.js';
import { ago, clock, minute } from '../format.js';
import { ratesByKind } from '../timeline/aggregate.js';
import type { History } from '../timeline/history.js';
import type { HistoryView } from '../timeline/history-view.js';
import { HoursSelect } from '../timeline/hours-select.js';
import type { Moment } from './moment.js';

const STEP_MS = 10_000;
const MINUTE_MS = 60_000;
const HEIGHT = 34;
const ORDER = ['system', 'signal', 'aircraft', 'drone'] as const;

export class TimeStrip {
  private readonly slider = el('input', { type: 'range', 'aria-label': 'Time that the map shows', step: STEP_MS });
  private readonly canvas = el('canvas', { class: 'glance', 'aria-hidden': 'true' });
  private readonly words = el('span', { class: 'moment' });
  private readonly begin = el('span', {});
  private readonly now: HTMLButtonElement;
  readonly element: HTMLElement;

  constructor(
    private readonly history: History,
    private readonly moment: Moment,
    private readonly nowMs: () => number,
  ) {
    this.now = button('Now', () => moment.goTo(null, nowMs()), { 'aria-pressed': 'true' });
    const back = button('−1 min', () => this.move(-MINUTE_MS));
    const on = button('+1 min', () => this.move(MINUTE_MS));
    const ends = el('p', { class: 'ends', 'aria-hidden': 'true' }, this.begin, el('span', {}, 'now'));
    const track = el('div', { class: 'scrub' }, this.canvas, this.slider, ends);
    this.element = el(
      'div',
      { class: 'strip', role: 'group', 'aria-label': 'Time' },
      this.now,
      back,
      on,
      this.words,
      labelled('How far back', new HoursSelect(history).element),
      track,
    );
    this.slider.addEventListener('input', () => moment.goTo(Number(this.slider.value), this.lastMs()));
    history.view.watch((view) => this.draw(view));
    moment.at.watch(() => this.tick());
    new ResizeObserver(() => this.draw(history.view.value)).observe(this.canvas);
  }

  /** The end goes on with time. */
  tick(): void {
    const { fromMs } = this.history.view.value;
    const last = this.lastMs();
    const at = this.moment.at.value ?? last;
    setAttributes(this.slider, { min: Math.floor(fromMs / STEP_MS) * STEP_MS, max: last });
    this.slider.value = String(at);
    const nowMs = this.nowMs();
    const words = this.moment.isNow ? 'now' : clock(at, nowMs);
    setAttributes(this.slider, { 'aria-valuetext': words });
    setAttributes(this.now, { 'aria-pressed': String(this.moment.isNow) });
    setText(this.words, this.moment.isNow ? `now, ${clock(last, nowMs)}` : `past: ${words}, ${ago(at, nowMs)}`);
    setText(this.begin, minute(fromMs, nowMs));
    setAttributes(this.element, { 'data-past': String(!this.moment.isNow) });
  }

  private move(ms: number): void {
    this.moment.goTo((this.moment.at.value ?? this.lastMs()) + ms, this.lastMs());
  }

  private lastMs(): number {
    return Math.floor(this.nowMs() / STEP_MS) * STEP_MS;
  }

  private draw(view: HistoryView): void {
    const { canvas } = this;
    const width = canvas.clientWidth;
    if (width === 0) return;
    canvas.width = Math.round(width * devicePixelRatio);
    canvas.height = Math.round(HEIGHT * devicePixelRatio);
    const context = canvas.getContext('2d');
    if (context === null) return;
    context.scale(devicePixelRatio, devicePixelRatio);
    const style = getComputedStyle(canvas);
    // Once: asked for each bar they take ten milliseconds.
    const colours = ORDER.map((kind) => style.getPropertyValue(`--map-${kind}`).trim());
    const { times, series } = ratesByKind(view, null);
    const sums = times.map((_, i) => ORDER.reduce((sum, kind) => sum + (series[kind][i] ?? 0), 0));
    const most = Math.max(1, ...sums);
    const x = (ms: number): number => ((ms - view.fromMs) / (view.toMs - view.fromMs)) * width;
    times.forEach((at, i) => {
      let y = HEIGHT;
      for (const [layer, kind] of ORDER.entries()) {
        const high = ((series[kind][i] ?? 0) / most) * HEIGHT;
        if (high === 0) continue;
        context.fillStyle = colours[layer] ?? '';
        context.fillRect(x(at), y - high, Math.max(1, x(at + view.stepMs) - x(at)), high);
        y -= high;
      }
    });
  }
}
