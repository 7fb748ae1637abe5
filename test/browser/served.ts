// A real server with its page and API, over a real broker and database, and the ways to ask it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connectAsync, type MqttClient } from 'mqtt';
import { freePort } from '../../src/simulate/ports.js';
import { type Broker, startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, type Running, runDragonsink } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';

export const TOKEN = 'a-token-that-nobody-guesses-0123456789';

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of a JSON body. */
  readonly json: unknown;
}

export interface Served {
  readonly port: number;
  readonly origin: string;
  readonly broker: Broker;
  readonly server: Running;
  readonly client: MqttClient;
  ask(path: string, options?: RequestInit): Promise<Answered>;
  /** As a program that holds the token. */
  act(method: string, path: string, body?: unknown): Promise<Answered>;
  /** At QoS 1, one after another. */
  publish(topic: string, message: unknown): Promise<void>;
}

export async function serve(t: TestContext, databaseUrl: string, env: NodeJS.ProcessEnv = {}): Promise<Served> {
  const broker = await startMosquitto({}, t);
  const tokenFile = join(tempFolder(t), 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const server = runDragonsink(t, ['server'], {
    DATABASE_URL: databaseUrl,
    MQTT_BROKER_PORT: String(broker.port),
    SERVER_ID: 'test-server',
    HTTP_PORT: String(port),
    HTTP_TOKEN_FILE: tokenFile,
    ...env,
  });
  const ask = async (path: string, options: RequestInit = {}): Promise<Answered> => {
    const response = await fetch(origin + path, options);
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : null };
  };
  await eventually('its readiness', async () => {
    const answer = await ask('/readyz').catch(() => null);
    if (server.child.exitCode !== null) throw new Error(server.log());
    return answer?.status === 200;
  });
  const client = await connectAsync(broker.url, { protocolVersion: 5 }, false);
  t.after(() => client.endAsync(true));
  return {
    port,
    origin,
    broker,
    server,
    client,
    ask,
    act: (method, path, body) => {
      const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
      return ask(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    },
    publish: async (topic, message) => {
      await client.publishAsync(topic, typeof message === 'string' ? message : JSON.stringify(message), { qos: 1 });
    },
  };
}

export interface StreamEvent {
  readonly id: string;
  readonly name: string;
  readonly data: Record<string, unknown>;
}

/** A page's event stream, read as a browser reads it. */
export class EventReader {
  readonly events: StreamEvent[] = [];
  lastId = '';
  private readonly ending = new AbortController();
  private readonly running: Promise<void>;

  constructor(origin: string, path = '/api/events', lastId = '') {
    this.running = this.read(`${origin}${path}`, lastId).catch(() => {});
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  private async read(url: string, lastId: string): Promise<void> {
    const headers: Record<string, string> = lastId === '' ? {} : { 'last-event-id': lastId };
    const response = await fetch(url, { signal: this.ending.signal, headers });
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const blocks = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) this.take(block);
    }
  }

  private take(block: string): void {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
    if (field('event') === '') return;
    if (field('id') !== '') this.lastId = field('id');
    this.events.push({ id: field('id'), name: field('event'), data: JSON.parse(field('data')) as StreamEvent['data'] });
  }
}

/** What a kit says of itself. */
export function kitStatus(kitId: string, n: number, over: object = {}): object {
  const counts = { accepted: 10, delivered: 8, resent: 1, refused: 0, evicted: {}, evicted_handed_over: {} };
  return {
    ...{ v: 1, kit_id: kitId, version: '9.9.9', time: new Date().toISOString(), clock_offset_s: null, opening: 'o', n },
    ledger: [],
    spool: { waiting: 2, handed_over: 0, bytes: 4_096, oldest_at: new Date().toISOString() },
    counts,
    link: { connected: true, reconnects: 0, wire: 'topics', delivery: 'auto' },
    source: { state: 'ok' },
    ...over,
  };
}
