// What the kit's link carries for the detections of the recording: TCP payload both ways, with connecting, acknowledgements,
// hello and status, from a real kit through a real broker to a real server; against every message that DragonSync's own
// sink sent for the same detections.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { JsonObject } from '../../src/base/json.js';
import { classOf, EVICTION_ORDER } from '../../src/kit/classes.js';
import { thingOf } from '../../src/schema/messages.js';
import type { ApiContent } from '../../src/simulate/dragonsync-api.js';
import { freePort } from '../../src/simulate/ports.js';
import { openSpool } from '../../src/spool/open-spool.js';
import { eventually } from '../fixtures/processes.js';
import {
  EXCERPT,
  type RecordedDetection,
  recordedAnswers,
  recordedHistory,
  recordedMessages,
} from '../fixtures/recordings.js';
import type { Bench, MakeBench } from './row.js';
import { Site, withCleanup } from './site.js';
import { countOf } from './sqlite-count.js';

interface Way {
  readonly name: string;
  /** Of DragonSync's bytes to ours. */
  readonly target: number;
  /** Beside the shipped defaults. */
  readonly mqtt: readonly string[];
  /** All of it waits in the spool when the kit starts; else it is polled, as it was recorded. */
  readonly isBacklog?: true;
}

const WAYS: readonly Way[] = [
  { name: 'topics', target: 2, mqtt: [] },
  { name: 'stream, frames of 250 ms', target: 40, mqtt: ['mqtt_wire = stream'] },
  { name: 'stream, frames of 1 s', target: 40, mqtt: ['mqtt_wire = stream', 'mqtt_frame_ms = 1000'] },
  { name: 'stream, frames of 10 s', target: 80, mqtt: ['mqtt_wire = stream', 'mqtt_frame_ms = 10000'] },
  { name: 'backlog in frames', target: 80, mqtt: [], isBacklog: true },
];

const KIT = 'wardragon-LAB0001';
/** The recording is of three minutes; an acknowledgement may be due 5 s after the last message. */
const WITHIN_MS = 600_000;
const SETTLED_MS = 6_000;

/** They do not depend on the machine: all ways, and all their runs, at the same time, for each takes as long as the recording. */
const RUNS = 5;
let measured: Promise<number[][]> | null = null;

/** By the names that `--only` takes. */
export const BYTES: Readonly<Record<string, MakeBench>> = Object.fromEntries(
  WAYS.map((way, i) => [`bytes ${way.name}`, async () => bytesOf(way, i)]),
);

function bytesOf(way: Way, i: number): Bench {
  const yardstick = dragonSyncBytes();
  let run = -1;
  return {
    rows: [
      {
        name: `kit: bytes on the wire, ${way.name}${EXCERPT ? ' (of an excerpt: the whole recordings are not here)' : ''}`,
        unit: 'bytes',
        target: `at most 1/${way.target} of every message DragonSync's own sink sent, at QoS 0`,
        reaches: ({ ratio }) => ratio * way.target <= 1,
        reason:
          'besides the frames: connecting, acknowledgements, hello and status, which weigh more the less there is to say',
      },
    ],
    runs: RUNS,
    warmsUp: false,
    run: async () => {
      run += 1;
      measured ??= measureAll();
      return { samples: [{ ours: (await measured)[run]?.[i] ?? Number.NaN, yardstick }] };
    },
  };
}

/** Without aircraft, which that sink has no message of in this recording: the kinds are the same. */
function dragonSyncBytes(): number {
  return recordedMessages('main').reduce((sum, { topic, payload }) => {
    const rest = 2 + Buffer.byteLength(topic) + Buffer.byteLength(payload);
    return sum + 1 + (rest < 128 ? 1 : 2) + rest; // [MQTT-2.2.3]
  }, 0);
}

interface Recording {
  readonly drones: readonly JsonObject[];
  readonly signals: readonly JsonObject[];
  readonly statuses: readonly JsonObject[];
  /** Without aircraft. */
  readonly history: readonly RecordedDetection[];
}

/** By run and way. */
function measureAll(): Promise<number[][]> {
  const [drones = [], signals = [], statuses = []] = ['/drones', '/signals', '/status'].map((path) =>
    recordedAnswers('main', path),
  );
  const history = recordedHistory('main').filter(({ kind }) => kind !== 'aircraft');
  const recording = { drones, signals, statuses, history };
  const once = (): Promise<number[]> => Promise.all(WAYS.map((way) => measure(way, recording)));
  return Promise.all(Array.from({ length: RUNS }, once));
}

function measure(way: Way, recording: Recording): Promise<number> {
  const { history } = recording;
  return withCleanup(async (cleanup) => {
    const world = new RecordedWorld(way.isBacklog === true ? { ...recording, drones: [] } : recording);
    const site = await Site.open(cleanup, { world });
    const link = await site.startLink('other');
    const statusPort = await freePort();
    const wanted = way.isBacklog === true ? fillSpool(join(site.kitFolder, 'spool.db'), history) : null;
    const mqtt = ['mqtt_aircraft_enabled = false', ...way.mqtt];
    site.startKit({ port: link.port, mqtt, kitId: KIT, statusPort });
    await eventually('all is taken and delivered', () => isDelivered(statusPort, world, wanted), WITHIN_MS);
    await delay(SETTLED_MS);
    const bytes = link.bytes.up + link.bytes.down;
    const stored = countOf(site.databaseUrl, 'SELECT (SELECT count(*) FROM drones) + (SELECT count(*) FROM signals)');
    const detections = history.filter(({ kind }) => kind !== 'system').length; // health comes by the clock
    if (stored !== detections) throw new Error(`${way.name}: ${stored} of ${detections} detections have arrived`);
    return bytes;
  });
}

/** One recorded answer after the other, whenever the kit asks: none is shown twice, and none is left out. */
class RecordedWorld implements ApiContent {
  private asked = 0;

  constructor(private readonly recording: Recording) {}

  get isOver(): boolean {
    return this.asked > this.recording.drones.length;
  }

  drones(): object[] {
    this.asked += 1;
    return (this.at(this.recording.drones)?.['drones'] ?? []) as object[];
  }

  signals(): object[] {
    return (this.at(this.recording.signals)?.['signals'] ?? []) as object[];
  }

  status(): object | null {
    return this.at(this.recording.statuses) ?? null;
  }

  private at(list: readonly JsonObject[]): JsonObject | undefined {
    return list[Math.min(this.asked, this.recording.drones.length) - 1];
  }
}

/** Returns how many messages are in it. */
function fillSpool(path: string, history: readonly RecordedDetection[]): number {
  const limits = { maxBytes: 2 ** 31, minFreeBytes: 0, maxAgeMs: null, evict: 'priority' } as const;
  const spool = openSpool({ path, classes: EVICTION_ORDER, limits, onDamaged: () => {} });
  const rows = history.map(({ kind, message }, i) => ({
    class: classOf(kind),
    thing: thingOf(kind, message),
    mark: String(i),
    body: JSON.stringify(message),
  }));
  spool.accept(rows);
  spool.close();
  return rows.length;
}

/** `wanted` messages, or all that the API had to show. */
async function isDelivered(statusPort: number, world: RecordedWorld, wanted: number | null): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${statusPort}/status`);
    const { counts, spool } = (await answer.json()) as { counts: { delivered: number }; spool: { waiting: number } };
    const isAll = wanted === null ? world.isOver && counts.delivered > 0 : counts.delivered >= wanted;
    return isAll && spool.waiting === 0;
  } catch {
    return false; // not started yet
  }
}
