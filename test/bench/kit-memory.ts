// What a kit takes while it sends a backlog of a million messages to a server, and with an empty spool.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimulatedDragonSync } from '../../src/simulate/dragonsync-api.js';
import { createWorld } from '../../src/simulate/world.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { fillSpool, makeKit, Program, startServer } from './program.js';
import type { Bench } from './row.js';

const BACKLOG = 1_000_000;
const SECONDS = 30;

export async function measureKitMemory(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-bench-'));
  const api = new SimulatedDragonSync({ world: createWorld({ nowS: () => Date.now() / 1_000 }) });
  const apiUrl = await api.start();
  const broker = await startMosquitto({ config: ['max_inflight_messages 0'] });
  const server = await startServer(`sqlite:${join(folder, 'server.db')}`, broker.port);
  const [full, empty] = ['full', 'empty'].map((name) => {
    mkdirSync(join(folder, name));
    return makeKit(join(folder, name), apiUrl, broker.port, [`mqtt_client_id = ${name}`]);
  });
  fillSpool(join(folder, 'full'), BACKLOG);
  return {
    name: 'kit: memory with a backlog of 1,000,000 being sent',
    unit: 'MiB',
    yardstick: 'with an empty spool',
    target: 'at most + 30 MiB, under 120 MiB',
    reaches: ({ ours, yardstick }) => ours - yardstick <= 30 && ours < 120,
    run: async () => ({ ours: await peakOf(full ?? ''), yardstick: await peakOf(empty ?? '') }),
    end: async () => {
      await server.end();
      await broker.stop();
      await api.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

async function peakOf(configFile: string): Promise<number> {
  const kit = new Program(['kit', '--config', configFile]);
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000));
  const { peakMib } = kit;
  await kit.end();
  return peakMib;
}
