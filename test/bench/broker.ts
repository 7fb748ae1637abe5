// The brokers of the benchmarks: mosquitto as dragonsink ships it, and as a bridge.
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import type { Cleanup } from '../faults/cleanup.js';
import { type Broker, startMosquitto } from '../fixtures/mosquitto.js';

/** Where it listens and keeps its files is each broker's own. */
const PLACES = /^(#|$|listener|allow_anonymous|persistence_location)/;
const LAB = join(import.meta.dirname, '../../config/mosquitto/lab.conf');
const SHIPPED = readFileSync(LAB, 'utf8')
  .split('\n')
  .filter((line) => !PLACES.test(line));

/** A whole backlog waits in it, and nothing is dropped; it would save a million messages once a minute. */
export const HOLDING = ['max_queued_messages 0', 'max_queued_bytes 0', 'persistence false'] as const;

/** As config/mosquitto/ has it, with further lines. */
export async function startBroker(
  cleanup: Cleanup,
  { lines = [], ...place }: { readonly lines?: readonly string[]; readonly port?: number } = {},
): Promise<Broker> {
  const broker = await startMosquitto({ ...place, config: [...SHIPPED, ...lines] });
  cleanup.add(() => broker.stop());
  return broker;
}

export interface BridgeOptions {
  readonly farPort: number;
  readonly topic: string;
  /** How many messages are under way at most; 0 is as many as MQTT allows. */
  readonly window: number;
}

/** Set up to lose nothing. Over MQTT 5, mosquitto 2.0's bridge breaks the protocol where its window has no bound. */
export function startBridge(cleanup: Cleanup, { farPort, topic, window }: BridgeOptions): Promise<Broker> {
  const bridge = [
    ...[`max_inflight_messages ${window}`, 'connection bench', `address 127.0.0.1:${farPort}`],
    ...[`topic ${topic} out 1`, 'cleansession false', 'restart_timeout 1', 'bridge_protocol_version mqttv311'],
    ...['try_private false', 'notifications false'],
  ];
  return startBroker(cleanup, { lines: [...HOLDING, ...bridge] });
}

/** At its best: Nagle's algorithm against the broker's delayed acknowledgement would halt it for 40 ms at a time. */
export async function connectFast(cleanup: Cleanup, url: string): Promise<MqttClient> {
  const client = await connectAsync(url, { protocolVersion: 5 }, false);
  if (client.stream instanceof Socket) client.stream.setNoDelay(true);
  cleanup.add(() => void client.end(true));
  return client;
}

/** So many wait for their confirmations together. */
const PUBLISHED_AT_ONCE = 1_000;

export async function publishAll(
  client: MqttClient,
  messages: Iterable<{ readonly topic: string; readonly payload: string }>,
): Promise<void> {
  let sent: Promise<unknown>[] = [];
  for (const { topic, payload } of messages) {
    sent.push(client.publishAsync(topic, payload, { qos: 1 }));
    if (sent.length < PUBLISHED_AT_ONCE) continue;
    await Promise.all(sent);
    sent = [];
  }
  await Promise.all(sent);
}
