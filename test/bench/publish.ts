// How fast the kit sends its spool at QoS 1, every message PUBACKed and deleted, against bare mqtt.js with the same
// payloads on the same broker at the best of three windows.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '../../src/base/log.js';
import { openLink } from '../../src/base/mqtt-link.js';
import { Publisher } from '../../src/kit/publisher.js';
import { seal } from '../../src/schema/envelope.js';
import { DEFAULT_TOPICS } from '../../src/schema/topics.js';
import { openSpool } from '../../src/spool/open-spool.js';
import type { Cleanup } from '../faults/cleanup.js';
import type { Broker } from '../fixtures/mosquitto.js';
import { connectFast, startBroker } from './broker.js';
import { droneRows } from './input.js';
import { atLeast, type Bench } from './row.js';
import { temporaryFolder, withCleanup } from './site.js';
import { within } from './waiting.js';

const ROWS = 100_000;
const PER_TRANSACTION = 1_000;
const DEADLINE_S = 300;
const KIT = 'wardragon-BENCH';
const WINDOWS = [8, 32, 100];

export async function measurePublish(cleanup: Cleanup): Promise<Bench> {
  const folder = temporaryFolder(cleanup);
  const broker = await startBroker(cleanup);
  const rows = droneRows(ROWS);
  const payloads = rows.map(({ body }, i) =>
    seal(body, KIT, { v: 1, epoch: '00000001abcdef01', seq: i + 1, replay: true }),
  );
  let run = 0;
  return {
    rows: [
      {
        name: 'kit: spool -> QoS 1 publish, PUBACKed',
        unit: 'messages/s',
        ...atLeast(0.7, 'bare mqtt.js QoS 1 on the same broker, same payloads, its best window'),
        reason:
          'half is mqtt.js itself, the rest reading, spelling and deleting rows: the pages they leave go to the WAL too',
      },
    ],
    run: async () => {
      run += 1;
      const path = join(folder, `spool-${run}.db`);
      const ours = await spoolRate(path, broker, rows);
      rmSync(path);
      const bare = [];
      for (const window of WINDOWS) bare.push(await withCleanup((own) => bareRate(own, broker, payloads, window)));
      return { samples: [{ ours, yardstick: Math.max(...bare) }] };
    },
  };
}

async function spoolRate(path: string, broker: Broker, rows: ReturnType<typeof droneRows>): Promise<number> {
  const limits = { maxBytes: 2 ** 31, minFreeBytes: 0, maxAgeMs: null, evict: 'priority' } as const;
  const spool = openSpool({ path, classes: [0], limits, onDamaged: () => {} });
  for (let i = 0; i < ROWS; i += PER_TRANSACTION) spool.accept(rows.slice(i, i + PER_TRANSACTION));
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
  try {
    while (spool.counts().waiting > 0) {
      if (performance.now() - startedAt > DEADLINE_S * 1_000) throw new Error(`not sent within ${DEADLINE_S} s`);
      await delay(5);
    }
    return ROWS / ((performance.now() - startedAt) / 1_000);
  } finally {
    stop.abort();
    await running;
    await link.end();
    spool.close();
  }
}

async function bareRate(
  cleanup: Cleanup,
  broker: Broker,
  payloads: readonly string[],
  window: number,
): Promise<number> {
  const client = await connectFast(cleanup, broker.url);
  const startedAt = performance.now();
  const all = new Promise<void>((resolve) => {
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
  await within('bare mqtt.js has sent all', DEADLINE_S, all);
  return payloads.length / ((performance.now() - startedAt) / 1_000);
}
