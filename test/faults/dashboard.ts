// A second reader on the topics, as a dashboard is: at QoS 0, and it keeps nothing.
import { connect } from 'mqtt';
import type { Cleanup } from './cleanup.js';

const RECONNECT_MS = 300;

export function dashboard(port: number, cleanup: Cleanup): void {
  const client = connect({ host: '127.0.0.1', port, protocolVersion: 5, reconnectPeriod: RECONNECT_MS });
  client.on('error', () => {}); // the broker is killed on purpose
  client.on('connect', () => client.subscribe('wardragon/#', { qos: 0 }));
  cleanup.add(() => void client.end(true));
}
