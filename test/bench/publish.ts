// How fast the kit sends its spool at QoS 1, every message PUBACKed and deleted, against bare mqtt.js with the same
// payloads on the same broker at the best of three windows.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { createLogger } from '../../src/base/log.js';
import { openLink } from '../../src/base/mqtt-link.js';
import { Publisher } from '../../src/kit/publisher.js';
import { seal } from '../../src/schema/envelope.js';
import { DEFAULT_TOPICS } from '../../src/schema/topics.js';
import { openSpool } from '../../src/spool/open-spool.js';
import { type Broker, startMosquitto } from '../fixtures/mosquitto.js';
import { droneRows } from './input.js';
import { atLeast, type Bench } from './row.js';

const ROWS = 10_000;
const KIT = 'wardragon-BENCH';
const WINDOWS = [8, 32, 100];

export async function measurePublish(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-bench-'));
  const broker = await startMosquitto({ config: ['max_inflight_messages 0'] });
  const rows = droneRows(ROWS);
  const payloads = rows.map(({ body }, i) =>
    seal(body, KIT, { v: 1, epoch: '00000001abcdef01', seq: i + 1, replay: true }),
  );
  let run = 0;
  return {
    name: 'kit: spool -> QoS 1 publish, PUBACKed',
    unit: 'messages/s',
    yardstick: 'bare mqtt.js, its best window',
    ...atLeast(0.7),
    reason:
      'half is mqtt.js itself, the rest reading, spelling and deleting rows: the pages they leave go to the WAL too',
    run: async () => {
      run += 1;
      const ours = await spoolRate(join(folder, `spool-${run}.db`), broker, rows);
      const bare = [];
      for (const window of WINDOWS) bare.push(await bareRate(broker, payloads, window));
      return { ours, yardstick: Math.max(...bare) };
    },
    end: async () => {
      await broker.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

async function spoolRate(path: string, broker: Broker, rows: ReturnType<typeof droneRows>): Promise<number> {
  const limits = { maxBytes: 2 ** 31, minFreeBytes: 0, maxAgeMs: null, evict: 'priority' } as const;
  const spool = openSpool({ path, classes: [0], limits, onDamaged: () => {} });
  spool.accept(rows);
  const qos = { drone: 1, aircraft: 1, signal: 1, system: 1 } as const;
  const publisher = new Publisher({
    spool,
    outgoing: { topics: DEFAULT_TOPICS, qos },
    delivery: 'broker',
    wires: { wire: 'topics', replay: 'topics', frameMs: 250 },
    drainRateKbps: 0,
    onHello: () => {},
    onSpoolError: () => {},
    log: createLogger('silent'),
  });
  const options = {
    host: '127.0.0.1',
    port: broker.port,
    version: 5,
    clientId: KIT,
    keepaliveS: 30,
    clean: true,
  } as const;
  const link = await openLink(options);
  const stop = new AbortController();
  const startedAt = performance.now();
  const running = publisher.run(link, KIT, stop.signal, 1_000);
  while (spool.counts().waiting > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const seconds = (performance.now() - startedAt) / 1_000;
  stop.abort();
  await running;
  await link.end();
  spool.close();
  return ROWS / seconds;
}

async function bareRate(broker: Broker, payloads: readonly string[], window: number): Promise<number> {
  const client = await connectAsync(broker.url, { protocolVersion: 5 }, false);
  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    let next = 0;
    let confirmed = 0;
    const send = (): void => {
      const payload = payloads[next];
      if (payload === undefined) return;
      next += 1;
      client.publish('wardragon/drones', payload, { qos: 1 }, () => {
        confirmed += 1;
        if (confirmed === payloads.length) resolve();
        else send();
      });
    };
    for (let i = 0; i < window; i += 1) send();
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  await client.endAsync();
  return payloads.length / seconds;
}
