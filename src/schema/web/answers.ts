// What the HTTP API answers, as schemas: the handlers are typed by them, and the OpenAPI document is made of them.
import { z } from 'zod';
import { count, kind, kitHealth, number, perKindCounts, ranges, signal, text, time, trackState } from './shapes.js';

export const side = z.object({ ok: z.boolean(), problem: text });
export type SideAnswer = z.infer<typeof side>;

export const errorAnswer = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: text }),
});
export type ErrorAnswer = z.infer<typeof errorAnswer>;

export const session = z.object({
  role: z.enum(['none', 'viewer', 'operator']),
  /** For the header X-CSRF-Token; of a login alone. */
  csrf: text,
  /** There is a token to log in with. */
  can_login: z.boolean(),
  server_id: z.string(),
  version: z.string(),
  tile_url: text,
  tile_attribution: text,
});
export type Session = z.infer<typeof session>;

export const health = z.object({
  version: z.string(),
  server_id: z.string(),
  store_id: text,
  time,
  uptime_s: count,
  ready: z.boolean(),
  broker: side,
  database: side,
  /** Received, and not in the database yet. */
  waiting_messages: count,
  dropped_messages: count,
  /** Open event streams. */
  pages: count,
  /** Over the last 10 s. */
  rates: z.object({ received_per_s: z.number(), stored_per_s: z.number() }),
});
export type HealthAnswer = z.infer<typeof health>;

export const problem = z.object({
  severity: z.enum(['error', 'warning']),
  code: z.string(),
  message: z.string(),
  hint: z.string(),
});
export type Problem = z.infer<typeof problem>;

/** A radio of a kit, as the program that decodes it reports (schema/receivers.ts). */
const kitReceiver = z.object({
  name: z.string(),
  enabled: z.boolean(),
  state: z.string(),
  last_message_at: text,
  messages: count.nullable(),
  errors: count.nullable(),
  dropped: count.nullable(),
});

/** What a kit says of itself in its status (schema/status.ts). */
const kitSink = z.object({
  version: z.string(),
  /** By the server's clock. */
  said_at: time,
  clock_offset_s: number,
  waiting: count,
  waiting_by_kind: perKindCounts,
  oldest_at: text,
  spool_bytes: count,
  handed_over: count,
  quarantined: count,
  accepted: count,
  delivered: count,
  resent: count,
  refused: count,
  evicted: perKindCounts,
  reconnects: count,
  connected: z.boolean(),
  delivery: text,
  wire: text,
  link_problem: text,
  tls_insecure: z.boolean(),
  source_state: z.string(),
  /** Empty where nobody reports them. */
  receivers: z.array(kitReceiver),
  /** [epoch milliseconds, messages waiting], the oldest first, of the last hour. */
  depth: z.array(z.tuple([z.number(), count])),
  /** Messages a minute by which the spool grows, over the last 5 minutes; below zero it drains. */
  trend_per_min: number,
  /** Between its last two statuses. */
  delivered_per_s: number,
});
export type KitSink = z.infer<typeof kitSink>;

export const kit = z.object({
  kit_id: z.string(),
  name: text,
  location: text,
  enabled: z.boolean(),
  api_url: text,
  source: z.enum(['mqtt', 'http', 'both']).nullable(),
  state: z.enum(['online', 'stale', 'offline']),
  last_contact_at: text,
  created_at: time,
  position: z.object({ lat: z.number(), lon: z.number(), alt: number, at: time }).nullable(),
  health: kitHealth.nullable(),
  /** Null for a kit without dragonsink, or not heard since this server began. */
  sink: kitSink.nullable(),
  /** Numbers of messages; null for a kit without dragonsink. */
  ledger: z
    .object({
      received: count,
      waiting: count,
      missing: count,
      evicted: count,
      quarantined: count,
      refused: count,
      merged: count,
      rejected: count,
    })
    .nullable(),
  problems: z.array(problem),
});
export type Kit = z.infer<typeof kit>;

export const kitList = z.object({
  /** When this was read; null when nothing ever was. */
  as_of: text,
  database: side,
  event_id: text,
  kits: z.array(kit),
});
export type KitList = z.infer<typeof kitList>;

/** A replay brought it: it tells of the past, and was not known at the time. */
const late = z.boolean();

export const kitHealthSeries = z.object({
  kit_id: z.string(),
  points: z.array(kitHealth.extend({ late })),
  /** One point in so many seconds was taken; null when all were. */
  step_s: number,
});
export type KitHealthSeries = z.infer<typeof kitHealthSeries>;

/** [epoch milliseconds, latitude, longitude, metres, degrees, late]. */
const pathPoint = z.tuple([z.number(), z.number(), z.number(), number, number, late]);
export type PathPoint = z.infer<typeof pathPoint>;

export const heard = z.object({
  kit_id: z.string(),
  /** The strongest in the range, dBm. */
  rssi: number,
  freq_mhz: number,
  points: count,
  last_at: time,
});
export type Heard = z.infer<typeof heard>;

export const track = z.object({
  kind: z.enum(['drone', 'aircraft']),
  id: z.string(),
  first_at: time,
  last_at: time,
  /** Rows in the range. */
  points: count,
  latest: trackState,
  /** Of `latest`. */
  late,
  /** Where `latest` is late, the newest in the range that is not; else null, or when there is none. */
  live: trackState.nullable(),
  heard_by: z.array(heard),
  path: z.array(pathPoint),
});
export type Track = z.infer<typeof track>;

const ofRange = { from: time, to: time };

export const trackList = z.object({ ...ofRange, event_id: text, tracks: z.array(track), next: text });
export type TrackList = z.infer<typeof trackList>;

export const signalList = z.object({
  ...ofRange,
  event_id: text,
  signals: z.array(signal.extend({ late })),
  next: text,
});
export type SignalList = z.infer<typeof signalList>;

export const bucket = z.object({
  /** Epoch milliseconds of its beginning. */
  at: z.number(),
  kit_id: z.string(),
  kind,
  messages: count,
  /** Of those, brought by a replay. */
  late: count,
  /** Of the others, from detection to the database; null when there are none, or nobody noted it. */
  latency_ms: z.object({ p50: z.number(), max: z.number() }).nullable(),
});
export type Bucket = z.infer<typeof bucket>;

export const timeline = z.object({
  ...ofRange,
  step_s: count,
  buckets: z.array(bucket),
});
export type Timeline = z.infer<typeof timeline>;

export const ledger = z.object({
  store_id: z.string(),
  entries: z.array(
    z.object({
      kit_id: z.string(),
      epoch: z.string(),
      kind,
      received: ranges,
      gaps: ranges,
      next: z.number(),
      waiting: ranges,
      missing: ranges,
      evicted: ranges,
      quarantined: ranges,
      refused: count,
      merged: count,
      rejected: count,
      last_contact: time,
    }),
  ),
});
export type Ledger = z.infer<typeof ledger>;

export const rejectList = z.object({
  counts: z.record(z.string(), count),
  rejects: z.array(
    z.object({
      id: count,
      received_at: time,
      topic: z.string(),
      kit_id: text,
      kind: kind.nullable(),
      epoch: text,
      seq: number,
      reason: z.string(),
      detail: z.string(),
      bytes: count,
      truncated: z.boolean(),
      /** As text, of it the first 2 KB. */
      payload: z.string(),
    }),
  ),
  next: text,
});

export const connectionTest = z.object({
  ok: z.boolean(),
  /** What it says that it is. */
  kit_id: text,
  message: z.string(),
  hint: text,
  took_ms: count,
});
export type ConnectionTest = z.infer<typeof connectionTest>;

/** Rows by table. */
export const removed = z.object({ kit_id: z.string(), removed: z.record(z.string(), count) });
export type Removed = z.infer<typeof removed>;
