// What a kit costs the machine it runs on, beside DragonSync: processor, memory, what it writes to flash, how it starts and
// idles, and what a slow disk leaves of its intake.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import { freePort } from '../../src/simulate/ports.js';
import { createWorld } from '../../src/simulate/world.js';
import type { Cleanup } from '../faults/cleanup.js';
import { happened, ioShim } from '../faults/io-shim.js';
import type { Link } from '../faults/link.js';
import { PUBLISH, packetType, publishOf } from '../faults/mqtt-packets.js';
import { eventually } from '../fixtures/processes.js';
import { connectFast } from './broker.js';
import { historyRows } from './input.js';
import { type Bench, untargeted } from './row.js';
import { Site, withCleanup } from './site.js';
import { cpuFromNow, within } from './waiting.js';

const BUSY = { drones: 20, aircraft: 100, signals: 3 };
const SETTLING_MS = 10_000;
/** Ten minutes, in five parts. */
const PART_S = 120;
const IDLE_PART_S = 12;
const SLOW_SYNC_MS = 20;
const SLOW_S = 10;
const SLOW_SETTLING_MS = 3_000;
/** Twice what must be kept up with, each a packet of its own: what comes while an fsync lasts is the next commit. */
const OFFERED_PER_S = 1_000;
/** Each is heard again and again: more ids than that in so short a time would be taken for made up. */
const DRONES = 200;
/** Its pages are no file's: what is counted there is not counted as written. */
const MEMORY_FOLDER = '/dev/shm';

/** A busy site, at the defaults. */
export async function measureKitCost(cleanup: Cleanup): Promise<Bench> {
  const site = await Site.open(cleanup, { world: createWorld({ ...BUSY, nowS: () => Date.now() / 1_000 }) });
  const link = await site.startLink();
  const sent = countMessages(link);
  const report = join(MEMORY_FOLDER, `dragonsink-syncs-${process.pid}`);
  const count = { call: 'sync', file: '*', action: 'COUNT', first: 1, times: 1_000_000_000 } as const;
  cleanup.add(() => rmSync(report, { force: true }));
  const kit = site.startKit({ port: link.port, env: ioShim(count, report) });
  await delay(SETTLING_MS);
  const take = () => ({ ...kit.usage(), ...sent, syncs: happened(report) });
  const hours = PART_S / 3_600;
  const site20 = `kit, ${BUSY.drones} drones + ${BUSY.aircraft} aircraft`;
  return {
    rows: [
      {
        name: `${site20}: processor`,
        unit: 's an hour',
        target: 'at most 1.5 % of a core (54 s an hour)',
        reaches: ({ value }) => value <= 54,
        reason: 'reading DragonSync\u2019s whole answer every 2 s, whatever of it is new',
      },
      {
        name: `${site20}: memory, most so far`,
        unit: 'MB',
        target: 'at most 120 MB RSS',
        reaches: ({ value }) => value <= 120,
        reason: 'Node.js itself, and the heap V8 grows for parsing',
      },
      {
        name: `${site20}: written to disk, beside the payload`,
        unit: 'MB an hour',
        target: 'at most 3 x the payload',
        reaches: ({ ratio }) => ratio <= 3,
        reason:
          'a commit goes into the log as whole pages, these again into the database, and once more when it is deleted',
      },
      untargeted(`${site20}: fsyncs, beside messages`, 'an hour'),
    ],
    runsAre: `parts of ${PART_S / 60} min of one run`,
    warmsUp: false,
    run: async () => {
      const before = take();
      const cpuS = cpuFromNow();
      await delay(PART_S * 1_000);
      const after = take();
      const perHour = (of: keyof typeof after): number => (after[of] - before[of]) / hours;
      const samples = [
        { ours: perHour('cpuS'), yardstick: null },
        { ours: kit.peakMb, yardstick: null },
        { ours: perHour('writtenBytes') / 1e6, yardstick: perHour('payloadBytes') / 1e6 },
        { ours: perHour('syncs'), yardstick: perHour('messages') },
      ];
      return { samples, generatorCpuS: cpuS() };
    },
  };
}

/** How long until it is online. */
export async function measureStart(): Promise<Bench> {
  return {
    rows: [untargeted('kit: from its start until it is online', 'ms')],
    run: () =>
      withCleanup(async (cleanup) => {
        const site = await Site.open(cleanup);
        const client = await connectFast(cleanup, site.broker.url);
        const online = new Promise<void>((resolve) => client.once('message', () => resolve()));
        await client.subscribeAsync('wardragon/service/+/availability', { qos: 1 });
        const begunMs = performance.now();
        site.startKit();
        await within('the kit is online', 60, online);
        return { samples: [{ ours: performance.now() - begunMs, yardstick: null }] };
      }),
  };
}

/** How often it wakes up with nothing to hear. */
export async function measureIdle(cleanup: Cleanup): Promise<Bench> {
  const kit = (await Site.open(cleanup)).startKit();
  await delay(SETTLING_MS);
  return {
    rows: [untargeted('kit: wakeups with nothing to hear', 'a second')],
    runsAre: `parts of ${IDLE_PART_S} s of one run`,
    warmsUp: false,
    run: async () => {
      const before = kit.usage().wakeups;
      await delay(IDLE_PART_S * 1_000);
      return { samples: [{ ours: (kit.usage().wakeups - before) / IDLE_PART_S, yardstick: null }] };
    },
  };
}

/** Where commits are small: of what is pushed one by one. */
export async function measureSlowDisk(): Promise<Bench> {
  const slow = { call: 'sync', file: '*', action: { slowMs: SLOW_SYNC_MS }, first: 1, times: 1_000_000_000 } as const;
  return {
    rows: [
      {
        name: `kit: intake of ${OFFERED_PER_S} messages/s pushed, with ${SLOW_SYNC_MS} ms an fsync; yardstick: without`,
        unit: 'messages/s',
        target: 'at least 500 messages/s',
        reaches: ({ value }) => value >= 500,
        reason: 'a commit is an fsync, and so is deleting what was acknowledged: both wait in the one thread',
      },
    ],
    warmsUp: false,
    run: async () => {
      const cpuS = cpuFromNow();
      const ours = await intakeRate(ioShim(slow, '/dev/null'));
      return { samples: [{ ours, yardstick: await intakeRate({}) }], generatorCpuS: cpuS() };
    },
  };
}

function intakeRate(env: NodeJS.ProcessEnv): Promise<number> {
  return withCleanup(async (cleanup) => {
    const site = await Site.open(cleanup);
    const statusPort = await freePort();
    const stop = pushWithoutEnd(await site.startPushedKit({ statusPort, env }));
    cleanup.add(stop);
    await delay(SLOW_SETTLING_MS);
    const [before, beganMs] = [await accepted(statusPort), performance.now()];
    await delay(SLOW_S * 1_000);
    return ((await accepted(statusPort)) - before) / ((performance.now() - beganMs) / 1_000);
  });
}

/** At its pace, as DragonSync does: at QoS 0, whatever the kit has done with the last one. Returns what ends it. */
function pushWithoutEnd(client: MqttClient): () => void {
  const bodies = [...historyRows(1_000)]
    .filter(({ class: of }) => of === 0)
    .map(({ body }) => JSON.parse(String(body)));
  const begunMs = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    for (const due = ((performance.now() - begunMs) / 1_000) * OFFERED_PER_S; sent < due; sent += 1) {
      const time = Date.now() / 1_000 + sent / 1e6;
      const own = { id: `pushed-${sent % DRONES}`, observed_at: time, last_update_time: time };
      client.publish('wardragon/drones', JSON.stringify({ ...bodies[sent % bodies.length], ...own }));
    }
  }, 1);
  return () => clearInterval(timer);
}

function accepted(statusPort: number): Promise<number> {
  return eventually('the kit answers', async () => {
    const answer = await fetch(`http://127.0.0.1:${statusPort}/status`).catch(() => null);
    return answer && ((await answer.json()) as { counts: { accepted: number } }).counts.accepted;
  });
}

/** Counts on. */
function countMessages(link: Link): { messages: number; payloadBytes: number } {
  const sent = { messages: 0, payloadBytes: 0 };
  link.onPacket = (packet) => {
    if (packetType(packet) !== PUBLISH) return;
    const { topic, payload } = publishOf(packet);
    if (!/^wardragon\/(drones|aircraft|signals|system)/.test(topic)) return;
    sent.messages += 1;
    sent.payloadBytes += payload.length;
  };
  return sent;
}
