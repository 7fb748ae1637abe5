// Counts on the server's link to the broker what tells others that a message is stored, and whether the link lives.
import { PUBLISH, packetType } from './mqtt-packets.js';

const CONNECT = 1;
const PUBACK = 4;
const PINGREQ = 12;
const ACK_TOPIC = /wardragon\/sink\/[^/]+\/ack/;
/** Fixed header and topic. */
const HEAD_BYTES = 80;

export class ServerTraffic {
  /** To the broker. */
  pubacks = 0;
  /** To kits. */
  acks = 0;
  connects = 0;
  pings = 0;

  take(packet: Buffer): void {
    const type = packetType(packet);
    if (type === CONNECT) this.connects += 1;
    if (type === PINGREQ) this.pings += 1;
    if (type === PUBACK) this.pubacks += 1;
    if (type === PUBLISH && ACK_TOPIC.test(packet.toString('latin1', 0, HEAD_BYTES))) this.acks += 1;
  }
}
