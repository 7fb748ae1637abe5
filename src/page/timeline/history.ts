// Messages by minute, kit and kind over the last hours: read once, and kept up by what the stream counts.
import type { Bucket } from '../../schema/web/answers.js';
import type { EventData } from '../../schema/web/events.js';
import { type Api, toMessage } from '../api.js';
import type { FleetWatch } from '../fleet.js';
import type { Live } from '../live.js';
import { Watched } from '../watched.js';
import type { HistoryView } from './history-view.js';

const HOUR_MS = 3_600_000;
const MINUTE_S = 60;
/** The more kits, the coarser: each has a bucket of its own for every step and kind. */
const STEPS: readonly (readonly [cells: number, stepS: number])[] = [
  [20_000, MINUTE_S],
  [100_000, 5 * MINUTE_S],
  [Number.POSITIVE_INFINITY, 15 * MINUTE_S],
];
const REREAD_MS = 300_000;

export class History {
  readonly view: Watched<HistoryView>;
  private readonly buckets = new Map<string, Bucket>();
  private hours = 24;
  private started = false;
  /** At least once. */
  private asked = false;

  constructor(
    private readonly api: Api,
    private readonly live: Live,
    private readonly fleet: FleetWatch,
    private readonly nowMs: () => number,
  ) {
    const toMs = nowMs();
    this.view = new Watched<HistoryView>({
      fromMs: toMs - this.hours * HOUR_MS,
      toMs,
      stepMs: MINUTE_S * 1_000,
      buckets: [],
      loaded: false,
      problem: null,
    });
  }

  /** Only for who looks at it. */
  start(): void {
    if (this.started) return;
    this.started = true;
    this.live.listen({ tally: (tally) => this.count(tally), reset: () => void this.read() });
    setInterval(() => {
      if (!document.hidden) void this.read();
    }, REREAD_MS);
    // How coarse it has to be, the number of kits says.
    this.fleet.fleet.watch(({ loaded }) => {
      if (loaded && !this.asked) void this.read();
    });
  }

  setHours(hours: number): void {
    this.hours = hours;
    void this.read();
  }

  private async read(): Promise<void> {
    this.asked = true;
    const toMs = this.nowMs();
    const fromMs = toMs - this.hours * HOUR_MS;
    const minutes = this.hours * 60 * Math.max(1, this.fleet.fleet.value.kits.length);
    const step = STEPS.find(([cells]) => minutes <= cells)?.[1] ?? MINUTE_S;
    try {
      const { buckets, step_s } = await this.api.timeline({ from: fromMs, to: toMs, step });
      this.buckets.clear();
      for (const bucket of buckets) this.buckets.set(keyOf(bucket), bucket);
      const known = { stepMs: step_s * 1_000, loaded: true, problem: null };
      this.view.set({ ...this.view.value, ...known, fromMs, toMs, buckets });
    } catch (thrown: unknown) {
      this.view.set({ ...this.view.value, problem: toMessage(thrown) });
    }
  }

  private count({ minutes }: EventData<'tally'>): void {
    const { stepMs, loaded } = this.view.value;
    if (!loaded) return;
    for (const { at, kit_id, kind, messages, late, latency_ms_max: latency } of minutes) {
      const one = { at: Math.floor(at / stepMs) * stepMs, kit_id, kind };
      const before = this.buckets.get(keyOf(one)) ?? { ...one, messages: 0, late: 0, latency_ms: null };
      const max = Math.max(latency ?? 0, before.latency_ms?.max ?? 0);
      // The median is the server's alone to tell: until it is read again the longest is known.
      const latency_ms = max > 0 ? { p50: before.latency_ms?.p50 ?? max, max } : before.latency_ms;
      this.buckets.set(keyOf(one), {
        ...before,
        messages: before.messages + messages,
        late: before.late + late,
        latency_ms,
      });
    }
    const toMs = this.nowMs();
    const fromMs = toMs - this.hours * HOUR_MS;
    const buckets = [...this.buckets.values()].filter(({ at }) => at >= fromMs).sort((one, other) => one.at - other.at);
    this.view.set({ ...this.view.value, fromMs, toMs, buckets });
  }
}

function keyOf({ at, kit_id, kind }: Pick<Bucket, 'at' | 'kit_id' | 'kind'>): string {
  return `${at} ${kind} ${kit_id}`;
}
