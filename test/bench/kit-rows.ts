// A kit's backlog all the way: from its spool to committed rows in PostgreSQL, against the rate at which the server takes
// the same messages, of several kits, when they wait in the broker.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimulatedDragonSync } from '../../src/simulate/dragonsync-api.js';
import { createWorld } from '../../src/simulate/world.js';
import { type Broker, startMosquitto } from '../fixtures/mosquitto.js';
import { startPostgres } from '../fixtures/postgres.js';
import { openCounter } from './counter.js';
import { ingest, KITS, reached } from './ingest.js';
import { historyMessages } from './input.js';
import { fillSpool, makeKit, Program, startServer } from './program.js';
import { atLeast, type Bench } from './row.js';

const BACKLOG = 50_000;

export async function measureKitRows(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-bench-'));
  const postgres = await startPostgres();
  const quiet = { ...createWorld({ nowS: () => Date.now() / 1_000 }), drones: () => [], signals: () => [] };
  const api = new SimulatedDragonSync({ world: quiet });
  const apiUrl = await api.start();
  const broker = await startMosquitto({ config: ['max_inflight_messages 0', 'max_queued_messages 0'] });
  let run = 0;
  return {
    name: 'kit -> PostgreSQL: a backlog to committed rows',
    unit: 'messages/s',
    yardstick: 'the server from the broker',
    ...atLeast(0.8),
    run: async () => {
      run += 1;
      const kitFolder = join(folder, String(run));
      mkdirSync(kitFolder);
      const ours = await kitRate(kitFolder, apiUrl, broker, postgres.createDatabase());
      const messages = historyMessages(BACKLOG, KITS);
      const { perSecond } = await ingest(postgres.createDatabase(), broker, messages, BACKLOG);
      return { ours, yardstick: perSecond };
    },
    end: async () => {
      await broker.stop();
      await api.stop();
      await postgres.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

async function kitRate(folder: string, apiUrl: string, broker: Broker, databaseUrl: string): Promise<number> {
  fillSpool(folder, BACKLOG);
  const configFile = makeKit(folder, apiUrl, broker.port);
  const server = await startServer(databaseUrl, broker.port);
  const counter = await openCounter(databaseUrl);
  const kit = new Program(['kit', '--config', configFile]);
  const startedAt = await reached(counter, 1);
  const seconds = ((await reached(counter, BACKLOG)) - startedAt) / 1_000;
  await kit.end();
  await server.end();
  await counter.close();
  return BACKLOG / seconds;
}
