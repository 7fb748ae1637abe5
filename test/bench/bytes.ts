// What the kit's link carries for the detections of the recording: TCP payload both ways, with connecting, acknowledgements,
// hello and status, from a real kit through a real broker to a real server; against every message that DragonSync's own
// sink sent for the same detections. Bytes do not depend on the machine: they are measured once.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { classOf, EVICTION_ORDER } from '../../src/kit/classes.js';
import { thingOf } from '../../src/schema/messages.js';
import { SimulatedDragonSync } from '../../src/simulate/dragonsync-api.js';
import { freePort } from '../../src/simulate/ports.js';
import { openSpool } from '../../src/spool/open-spool.js';
import { Link } from '../faults/link.js';
import { type Broker, startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, MAIN } from '../fixtures/processes.js';
import { recordedAnswers, recordedHistory, recordedMessages } from '../fixtures/recordings.js';
import type { Bench } from './row.js';

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
const WITHIN_MS = 400_000;
const SETTLED_MS = 6_000;

/** All of them at the same time: each takes as long as the recording. */
let measured: Promise<number[]> | null = null;

/** By the names that `--only` takes. */
export const BYTES: Readonly<Record<string, () => Promise<Bench>>> = Object.fromEntries(
  WAYS.map((way, i) => [`bytes ${way.name}`, async () => bytesOf(way, i)]),
);

function bytesOf(way: Way, i: number): Bench {
  const yardstick = dragonSyncBytes();
  return {
    name: `kit: bytes on the wire, ${way.name}`,
    unit: 'bytes',
    yardstick: "every message of DragonSync's own sink, at QoS 0",
    target: `at most 1/${way.target}`,
    reaches: ({ ours }) => ours * way.target <= yardstick,
    runs: 1,
    run: async () => {
      measured ??= Promise.all(WAYS.map(measure));
      return { ours: (await measured)[i] ?? Number.NaN, yardstick };
    },
    end: async () => {},
  };
}

/** Without aircraft, which that sink has no message of in this recording: the kinds are the same. */
function dragonSyncBytes(): number {
  return recordedMessages('main').reduce((sum, { topic, payload }) => {
    const rest = 2 + Buffer.byteLength(topic) + Buffer.byteLength(payload);
    return sum + 1 + (rest < 128 ? 1 : 2) + rest; // [MQTT-2.2.3]
  }, 0);
}

async function measure(way: Way): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-bench-'));
  const broker = await startMosquitto();
  const link = await new Link(broker.port, 'other').start();
  const polls = way.isBacklog === true ? [] : recordedAnswers('main', '/drones');
  const api = recordedApi(polls.length);
  const programs: ChildProcess[] = [];
  try {
    const statusPort = await freePort();
    const config = await writeConfig(folder, await api.start(), link.port, statusPort, way);
    const wanted = way.isBacklog === true ? fillSpool(join(folder, 'spool.db')) : null;
    programs.push(startServer(folder, broker), start(['kit', '--config', config]));
    await eventually('all is taken and delivered', () => isDelivered(statusPort, api, wanted), WITHIN_MS);
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    return link.bytes.up + link.bytes.down;
  } finally {
    for (const program of programs) {
      program.kill();
      await once(program, 'exit');
    }
    await api.stop();
    await link.stop();
    await broker.stop();
    rmSync(folder, { recursive: true });
  }
}

interface RecordedApi extends Pick<SimulatedDragonSync, 'start' | 'stop'> {
  readonly isOver: () => boolean;
}

/** One recorded answer after the other, whenever the kit asks: none is shown twice, and none is left out. */
function recordedApi(polls: number): RecordedApi {
  const [drones, signals, statuses] = ['/drones', '/signals', '/status'].map((path) => recordedAnswers('main', path));
  let asked = 0;
  const at = <T>(list: readonly T[] | undefined): T | undefined => list?.[Math.min(asked, polls) - 1];
  const world = {
    drones: () => {
      asked += 1;
      return (at(drones)?.['drones'] ?? []) as object[];
    },
    signals: () => (at(signals)?.['signals'] ?? []) as object[],
    status: () => at(statuses) ?? null,
  };
  const api = new SimulatedDragonSync({ world });
  return { start: () => api.start(), stop: () => api.stop(), isOver: () => asked > polls };
}

/** Returns how many messages are in it. */
function fillSpool(path: string): number {
  const limits = { maxBytes: 2 ** 31, minFreeBytes: 0, maxAgeMs: null, evict: 'priority' } as const;
  const spool = openSpool({ path, classes: EVICTION_ORDER, limits, onDamaged: () => {} });
  const rows = recordedHistory('main')
    .filter(({ kind }) => kind !== 'aircraft')
    .map(({ kind, message }, i) => ({
      class: classOf(kind),
      thing: thingOf(kind, message),
      mark: String(i),
      body: JSON.stringify(message),
    }));
  spool.accept(rows);
  spool.close();
  return rows.length;
}

async function writeConfig(
  folder: string,
  apiUrl: string,
  brokerPort: number,
  statusPort: number,
  way: Way,
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'config.ini');
  const lines = [
    ...['[MQTT]', 'mqtt_host = 127.0.0.1', `mqtt_port = ${brokerPort}`, 'mqtt_aircraft_enabled = false', ...way.mqtt],
    ...['[DRAGONSYNC]', `api_url = ${apiUrl}`],
    ...['[SPOOL]', `path = ${join(folder, 'spool.db')}`],
    ...['[KIT]', `kit_id = ${KIT}`, `status_port = ${statusPort}`],
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

function startServer(folder: string, broker: Broker): ChildProcess {
  return start(['server'], {
    DATABASE_URL: `sqlite:${join(folder, 'server.db')}`,
    MQTT_BROKER_PORT: String(broker.port),
    SERVER_ID: 'bench',
    HTTP_PORT: '0',
  });
}

function start(argv: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [MAIN, ...argv], { env: { ...process.env, ...env }, stdio: 'ignore' });
}

/** `wanted` messages, or all that the API had to show. */
async function isDelivered(statusPort: number, api: RecordedApi, wanted: number | null): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${statusPort}/status`);
    const { counts, spool } = (await answer.json()) as { counts: { delivered: number }; spool: { waiting: number } };
    const isAll = wanted === null ? api.isOver() && counts.delivered > 0 : counts.delivered >= wanted;
    return isAll && spool.waiting === 0;
  } catch {
    return false; // not started yet
  }
}
