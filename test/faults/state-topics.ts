// Listens to the per-drone topics: a state that is replayed must not overwrite a newer one (reliability sheet, C.2 I8).
import { connect, type MqttClient } from 'mqtt';
import type { Cleanup } from './cleanup.js';

const PER_DRONE = 'wardragon/drone/+';
const RECONNECT_MS = 300;

export class StateTopics {
  readonly violations: string[] = [];
  private readonly latest = new Map<string, number>();

  constructor(port: number, cleanup: Cleanup) {
    const client: MqttClient = connect({
      host: '127.0.0.1',
      port,
      protocolVersion: 5,
      reconnectPeriod: RECONNECT_MS,
      queueQoSZero: false,
    });
    client.on('error', () => {}); // the broker is killed on purpose
    client.on('connect', () => client.subscribe(PER_DRONE, { qos: 0 }));
    client.on('message', (topic, payload, { retain }) => {
      // What is handed out on subscribing is as old as the broker's memory.
      if (!retain) this.take(topic, payload.toString());
    });
    cleanup.add(() => void client.end(true));
  }

  private take(topic: string, payload: string): void {
    if (payload === '') return;
    const { observed_at: at } = JSON.parse(payload) as { observed_at: number };
    const before = this.latest.get(topic) ?? 0;
    if (at < before) this.violations.push(`I8: ${topic} went back from ${before} to ${at}`);
    this.latest.set(topic, Math.max(at, before));
  }
}
