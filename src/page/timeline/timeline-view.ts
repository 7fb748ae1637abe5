// The last hours: how much came of what, how long it took, who was silent when, and what came after all.

import { button, el, foreign, labelled, setText } from '../dom.js';
import type { FleetWatch } from '../fleet.js';
import { clock, count, duration, minute, number, plural } from '../format.js';
import { KitSelect } from '../kit-select.js';
import type { Moment } from '../time/moment.js';
import type { View } from '../view.js';
import { type Latencies, lanes, latencies, type Rates, ratesByKind, type Span, spans, totals } from './aggregate.js';
import { Chart } from './chart.js';
import type { History } from './history.js';
import type { HistoryView } from './history-view.js';
import { HoursSelect } from './hours-select.js';
import { LanesChart } from './lanes-chart.js';

const KIND_LINES = [
  { name: 'system', colour: '--map-system' },
  { name: 'signal', colour: '--map-signal' },
  { name: 'aircraft', colour: '--map-aircraft' },
  { name: 'drone', colour: '--map-drone' },
] as const;
const MAX_SPANS = 100;
const CELL = { role: 'cell' } as const;

export interface TimelineParts {
  readonly history: History;
  readonly fleet: FleetWatch;
  readonly moment: Moment;
  readonly nowMs: () => number;
}

export class TimelineView implements View {
  private readonly kit: KitSelect;
  private readonly problem = el('p', { class: 'problem', role: 'alert' });
  private readonly rateWords = el('p', { class: 'summary' });
  private readonly latencyWords = el('p', { class: 'summary' });
  private readonly rate: Chart;
  private readonly latency: Chart;
  private readonly lanes: LanesChart;
  private readonly spanRows = el('tbody', {});
  private readonly spanTable = this.makeSpanTable();
  private readonly spanWords = el('p', { class: 'summary' });
  private isShown = false;
  readonly element: HTMLElement;

  constructor(private readonly parts: TimelineParts) {
    const picked = (ms: number): void => this.goTo(ms);
    this.rate = new Chart({ lines: KIND_LINES, stacked: true, unit: 'a minute', picked });
    const latencyLines = [
      { name: 'median', colour: '--map-aircraft' },
      { name: 'longest', colour: '--map-drone' },
    ];
    this.latency = new Chart({ lines: latencyLines, stacked: false, unit: 'ms', picked });
    this.lanes = new LanesChart(picked);
    this.kit = new KitSelect(parts.fleet, {});
    this.kit.element.addEventListener('change', () => this.render(parts.history.view.value));
    this.element = el(
      'section',
      { class: 'timeline', 'aria-labelledby': 'timeline-title' },
      el('h1', { id: 'timeline-title' }, 'Timeline'),
      el(
        'div',
        { class: 'tools' },
        labelled('How far back', new HoursSelect(parts.history).element),
        labelled('Of which kit', this.kit.element),
        el('p', { class: 'summary' }, 'A click on a chart shows that moment on the map.'),
      ),
      this.problem,
      figure('Messages a minute, by kind', this.rateWords, this.rate.element),
      figure('Kits: what they sent, gaps, and what replays filled', this.spanWords, this.lanes.element, this.spanTable),
      figure('From detection to the database, live messages', this.latencyWords, this.latency.element),
    );
    parts.history.start();
    parts.history.view.watch((view) => this.render(view));
  }

  shown(): void {
    this.isShown = true;
    this.render(this.parts.history.view.value);
  }

  hidden(): void {
    this.isShown = false;
  }

  private goTo(ms: number): void {
    this.parts.moment.goTo(ms, this.parts.nowMs());
    location.hash = '#/map';
  }

  private render(view: HistoryView): void {
    if (!this.isShown) return;
    setText(this.problem, view.problem ?? '');
    const { kitId } = this.kit;
    const rates = ratesByKind(view, kitId);
    this.rate.show(
      rates.times,
      KIND_LINES.map(({ name }) => rates.series[name]),
    );
    const sums = totals(view, kitId);
    setText(this.rateWords, rateWords(sums, rates));
    const latency = latencies(view, kitId);
    this.latency.show(latency.times, [latency.p50, latency.max]);
    setText(this.latencyWords, latencyWords(latency));
    this.renderLanes(view, kitId);
  }

  private renderLanes(view: HistoryView, kitId: string | null): void {
    const { kits } = this.parts.fleet.fleet.value;
    const cells = new Map([...lanes(view, kits)].filter(([id]) => kitId === null || id === kitId));
    const found = spans(view, kits).filter((span) => kitId === null || span.kitId === kitId);
    this.lanes.show(cells, found, view, (id) => this.kitName(id));
    const gaps = found.filter(({ what }) => what === 'gap').length;
    const filled = found.length - gaps;
    setText(this.spanWords, view.loaded ? spanWords(gaps, filled) : 'Reading…');
    this.spanTable.hidden = found.length === 0;
    this.spanRows.replaceChildren(...found.slice(0, MAX_SPANS).map((span) => this.spanRow(span)));
  }

  private makeSpanTable(): HTMLElement {
    const heading = ['kit', 'what', 'when', 'how long', 'see'].map((name) => el('th', { scope: 'col' }, name));
    return el(
      'div',
      { class: 'table', tabindex: 0, role: 'region', 'aria-label': 'Gaps and replays' },
      // It is laid out as no table on a phone, and read out as one all the same.
      el('table', { role: 'table' }, el('thead', {}, el('tr', { role: 'row' }, ...heading)), this.spanRows),
    );
  }

  private spanRow({ kitId, what, fromMs, toMs, messages }: Span): HTMLElement {
    const nowMs = this.parts.nowMs();
    const words = what === 'gap' ? 'nothing came' : `a replay brought ${plural(messages, 'message')}`;
    return el(
      'tr',
      { 'data-what': what, role: 'row' },
      el('th', { scope: 'row', role: 'rowheader' }, foreign(this.kitName(kitId))),
      el('td', CELL, words),
      el('td', CELL, `${minute(fromMs, nowMs)} – ${nowMs - toMs < 60_000 ? 'now' : minute(toMs, nowMs)}`),
      el('td', CELL, duration(toMs - fromMs)),
      el(
        'td',
        CELL,
        button('Map', () => this.goTo(fromMs), { 'aria-label': `Show ${clock(fromMs, nowMs)} on the map` }),
      ),
    );
  }

  private kitName(kitId: string): string {
    return this.parts.fleet.fleet.value.kits.find(({ kit_id }) => kit_id === kitId)?.name ?? kitId;
  }
}

function figure(title: string, words: HTMLElement, ...content: readonly HTMLElement[]): HTMLElement {
  return el('section', { class: 'figure' }, el('h2', {}, title), words, ...content);
}

function spanWords(gaps: number, filled: number): string {
  return gaps + filled === 0 ? 'No gaps.' : `${plural(gaps, 'gap')}, ${plural(filled, 'replay')} that filled one`;
}

function rateWords(sums: ReturnType<typeof totals>, { times, series }: Rates): string {
  const named = Object.entries(sums).filter(([, n]) => n > 0);
  if (named.length === 0) return 'Nothing came.';
  let [most, at] = [0, 0];
  times.forEach((time, i) => {
    const sum = Object.values(series).reduce((total, values) => total + (values[i] ?? 0), 0);
    if (sum > most) [most, at] = [sum, time];
  });
  const parts = named.map(([kind, n]) => `${count(n)} ${kind}`).join(', ');
  return `${parts}; at most ${number(most)} a minute, at ${clock(at)}`;
}

function latencyWords({ p50, max }: Latencies): string {
  const known = max.filter((one) => one !== null);
  if (known.length === 0) return 'Of nothing here is known how long it took.';
  const last = p50.findLast((one) => one !== null) ?? null;
  return `Lately ${latency(last)}, at worst ${latency(Math.max(...known))}; by the clocks of kit and server.`;
}

/** What takes longer than a second nobody wants in thousandths. */
function latency(ms: number | null): string {
  if (ms === null || ms < 1_000) return number(ms, 0, 'ms');
  return ms < 60_000 ? number(ms / 1_000, 1, 's') : duration(ms);
}
