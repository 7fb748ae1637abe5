// What the page looks at in these tests: a broker, the built server with its database, simulated kits, and whoever sends
// what no kit would.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connectAsync, type MqttClient } from 'mqtt';
import { SimulatedDragonSync } from '../../src/simulate/dragonsync-api.js';
import { freePort, listening } from '../../src/simulate/ports.js';
import { createWorld } from '../../src/simulate/world.js';
import { type Broker, startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, kitFiles, type Running, runDragonsink } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';

export const TOKEN = 'a-token-that-only-this-test-knows-0123456789';
export const SIMULATED = ['wardragon-SIM0001', 'wardragon-SIM0002', 'wardragon-SIM0003'];

export interface World {
  readonly url: string;
  readonly broker: Broker;
  readonly database: string;
  readonly client: MqttClient;
  publish(topic: string, message: object): Promise<void>;
  startServer(): Promise<void>;
  stopServer(): Promise<void>;
  json<Answer>(path: string): Promise<Answer>;
}

export interface WorldOptions {
  /** How many simulated kits, that all hear the same three drones. */
  readonly kits?: number;
  /** One more kit, beside a simulated DragonSync with drones, aircraft and signals. */
  readonly hearing?: boolean;
  /** Further variables for the server. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function startWorld(
  t: TestContext,
  { kits = 0, hearing = false, env = {} }: WorldOptions,
): Promise<World> {
  const broker = await startMosquitto({}, t);
  const folder = tempFolder(t);
  const database = join(folder, 'server.db');
  const port = await freePort();
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
  const url = `http://127.0.0.1:${port}`;
  let server: Running | null = null;
  const startServer = async (): Promise<void> => {
    server = runDragonsink(t, ['server'], {
      DATABASE_URL: `sqlite:${database}`,
      MQTT_BROKER_PORT: String(broker.port),
      SERVER_ID: 'test',
      HTTP_PORT: String(port),
      HTTP_TOKEN_FILE: tokenFile,
      ...env,
    });
    const { child } = server;
    await listening(port, () => child.exitCode !== null);
    await eventually('the server is ready', async () => (await fetch(`${url}/readyz`)).ok);
  };
  await startServer();
  if (kits > 0) {
    const { configFile } = await kitFiles(join(folder, 'kit'), 'http://127.0.0.1:1', broker.port);
    runDragonsink(t, ['simulate', '--kits', String(kits), '--rate', '3', '--config', configFile], { TMPDIR: folder });
  }
  if (hearing) {
    const world = createWorld({ aircraft: 6, drones: 5, signals: 3, nowS: () => Date.now() / 1_000 });
    const dragonsync = new SimulatedDragonSync({ world });
    const { configFile } = await kitFiles(join(folder, 'hearing'), await dragonsync.start(), broker.port);
    t.after(() => dragonsync.stop());
    runDragonsink(t, ['kit', '--config', configFile]);
  }
  const client = await connectAsync(broker.url, { protocolVersion: 5, reconnectPeriod: 200 }, false);
  client.on('error', () => {});
  t.after(() => client.end(true));
  return {
    url,
    broker,
    database,
    client,
    publish: async (topic, message) => {
      await client.publishAsync(topic, JSON.stringify(message), { qos: 1 });
    },
    startServer,
    stopServer: async () => {
      await server?.end();
    },
    json: async <Answer>(path: string) => (await (await fetch(`${url}${path}`)).json()) as Answer,
  };
}

/** A drone as a kit with a stock DragonSync sends it. */
export function drone(id: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id,
    track_type: 'drone',
    seen_by: 'wardragon-STOCK1',
    observed_at: Date.now() / 1_000,
    lat: 42.36,
    lon: -71.05,
    alt: 90,
    speed: 4,
    rssi: -60,
    ...fields,
  };
}
