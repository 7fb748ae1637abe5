// What each kit said of itself last (schema/status.ts), and how its spool has grown or drained over the last hour. It is
// kept in memory: a kit says it every 30 s, and the broker keeps its last word for a server that starts.
import type { KitStatus } from '../../../schema/status.js';
import type { KitSink } from '../../../schema/web/answers.js';

/** Kit ids come from outside: beyond this many the one that has been quiet longest is left out. */
const MAX_KITS = 1_000;
const HOUR_MS = 3_600_000;
const TREND_MS = 300_000;
/** Of a change that a kit says at once; every 30 s otherwise. */
const SAMPLE_MS = 15_000;
/** What the broker kept may be old; by a kit whose clock is near ours, that is known. */
const OLD_MS = 120_000;
/** Losses of longer ago are on record in the ledger, and ask for nothing any more. */
const LOSING_MS = 86_400_000;

export interface Said {
  readonly sink: KitSink;
  readonly link: KitStatus['link'];
  /** Within the last 24 h, as far as we heard: its spool gave messages up, or set some aside. */
  readonly evicting: boolean;
  readonly quarantining: boolean;
}

interface Known {
  readonly status: KitStatus;
  readonly saidMs: number;
  readonly depth: [number, number][];
  readonly deliveredPerS: number | null;
  /** When these grew last while we listened. */
  readonly evictedMs: number;
  readonly quarantinedMs: number;
}

export class KitSinks {
  /** The kit that has been quiet longest first. */
  private readonly known = new Map<string, Known>();

  take(status: KitStatus, nowMs: number): void {
    const { kit_id: kitId, opening, n, spool } = status;
    const before = this.known.get(kitId);
    // What the broker repeats is no news.
    if (before !== undefined && before.status.opening === opening && before.status.n >= n) return;
    const thenMs = Date.parse(status.time);
    const saidMs = thenMs < nowMs - OLD_MS ? thenMs : nowMs;
    const depth = (before?.depth ?? []).filter(([atMs]) => atMs > nowMs - HOUR_MS);
    const latest = depth.at(-1);
    if (latest === undefined || saidMs - latest[0] >= SAMPLE_MS) depth.push([saidMs, spool.waiting]);
    const deliveredPerS = rateBetween(before, status, saidMs);
    const evictedMs = hasEvicted(before, status) ? saidMs : (before?.evictedMs ?? Number.NEGATIVE_INFINITY);
    const quarantinedMs = hasQuarantined(before, status) ? saidMs : (before?.quarantinedMs ?? Number.NEGATIVE_INFINITY);
    this.known.delete(kitId);
    this.known.set(kitId, { status, saidMs, depth, deliveredPerS, evictedMs, quarantinedMs });
    if (this.known.size <= MAX_KITS) return;
    const [quietest = ''] = this.known.keys();
    this.known.delete(quietest);
  }

  get(kitId: string, nowMs: number): Said | null {
    const known = this.known.get(kitId);
    if (known === undefined) return null;
    const { status, saidMs, deliveredPerS } = known;
    const { spool, counts, link } = status;
    const depth: [number, number][] = [...known.depth, [saidMs, spool.waiting]];
    return {
      link,
      evicting: nowMs - known.evictedMs < LOSING_MS,
      quarantining: nowMs - known.quarantinedMs < LOSING_MS,
      sink: {
        version: status.version,
        said_at: new Date(saidMs).toISOString(),
        clock_offset_s: status.clock_offset_s,
        waiting: spool.waiting,
        waiting_by_kind: spool.waiting_by_kind ?? {},
        oldest_at: spool.oldest_at,
        spool_bytes: spool.bytes,
        handed_over: spool.handed_over,
        quarantined: spool.quarantined ?? 0,
        accepted: counts.accepted,
        delivered: counts.delivered,
        resent: counts.resent,
        refused: counts.refused,
        evicted: counts.evicted,
        reconnects: link.reconnects,
        connected: link.connected,
        delivery: link.delivery ?? null,
        wire: link.wire ?? null,
        link_problem: link.problem ?? null,
        tls_insecure: link.tls_insecure ?? false,
        source_state: status.source.state,
        receivers: Object.entries(status.receivers ?? {}).map(([name, one]) => ({
          name,
          enabled: one.enabled,
          state: one.state,
          last_message_at: one.last_message_at,
          messages: one.messages,
          errors: one.errors,
          dropped: one.dropped,
        })),
        depth: depth.filter(([atMs], i) => i === 0 || atMs !== depth[i - 1]?.[0]),
        trend_per_min: trend(depth, nowMs),
        delivered_per_s: deliveredPerS,
      },
    };
  }

  /** It was removed. */
  forget(kitId: string): void {
    this.known.delete(kitId);
  }
}

/** Counted since the kit was started. */
function hasEvicted(before: Known | undefined, { opening, counts }: KitStatus): boolean {
  if (before === undefined) return false;
  const sum = ({ evicted }: KitStatus['counts']): number => Object.values(evicted).reduce((all, n) => all + n, 0);
  return sum(counts) > (before.status.opening === opening ? sum(before.status.counts) : 0);
}

/** As many as are there. */
function hasQuarantined(before: Known | undefined, { spool }: KitStatus): boolean {
  return before !== undefined && (spool.quarantined ?? 0) > (before.status.spool.quarantined ?? 0);
}

/** Counts begin anew when the kit is started again. */
function rateBetween(before: Known | undefined, { counts }: KitStatus, saidMs: number): number | null {
  if (before === undefined || saidMs <= before.saidMs) return null;
  const delivered = counts.delivered - before.status.counts.delivered;
  return delivered < 0 ? null : delivered / ((saidMs - before.saidMs) / 1_000);
}

function trend(depth: readonly [number, number][], nowMs: number): number | null {
  const recent = depth.filter(([atMs]) => atMs >= nowMs - TREND_MS);
  const [first, last] = [recent[0], recent.at(-1)];
  if (first === undefined || last === undefined || last[0] - first[0] < SAMPLE_MS) return null;
  return (last[1] - first[1]) / ((last[0] - first[0]) / 60_000);
}
