// Looks at the server's link to the broker: whether it lives, and whether it acknowledges what can't be stored.
import { Ranges } from '../../src/schema/ranges.js';
import type { Direction } from './link.js';
import { PUBLISH, packetId, packetType } from './mqtt-packets.js';
import { type Numbered, nameOf, numbersIn } from './sendings.js';

const CONNECT = 1;
const PUBACK = 4;
const PINGREQ = 12;
const ACK_TOPIC = /wardragon\/sink\/[^/]+\/ack/;
/** Fixed header and topic. */
const HEAD_BYTES = 80;
interface Ack {
  readonly acks: readonly {
    readonly epoch: string;
    readonly kind: string;
    readonly upto: number;
    readonly ranges?: readonly (readonly [number, number])[];
  }[];
}

/** What has come for the first time since nothing can be committed. */
interface Arrived {
  readonly ids: Set<number>;
  readonly numbered: Numbered[];
  wrong: number;
}

export class ServerTraffic {
  connects = 0;
  pings = 0;
  /** To the broker. */
  pubacks = 0;
  private readonly known = new Set<string>();
  private arrived: Arrived | null = null;

  take(packet: Buffer, direction: Direction): void {
    const type = packetType(packet);
    if (direction === 'down') {
      if (type === PUBLISH) this.arrive(packet);
      return;
    }
    if (type === CONNECT) this.connects += 1;
    if (type === PINGREQ) this.pings += 1;
    if (type === PUBACK) this.confirm(packet);
    if (type === PUBLISH && ACK_TOPIC.test(packet.toString('latin1', 0, HEAD_BYTES))) this.acknowledge(packet);
  }

  /** From now on nothing can be committed. */
  forbid(): void {
    this.arrived = { ids: new Set(), numbered: [], wrong: 0 };
  }

  /** It can again. Returns how many messages that came in between were acknowledged: to the broker, or to the kit. */
  allow(): number {
    const wrong = this.arrived?.wrong ?? 0;
    this.arrived = null;
    return wrong;
  }

  private arrive(packet: Buffer): void {
    const id = packetId(packet);
    if (id !== null) this.arrived?.ids.add(id);
    for (const numbered of numbersIn(packet)) {
      const name = nameOf(numbered);
      // What comes again may have been committed before.
      if (!this.known.has(name)) this.arrived?.numbered.push(numbered);
      this.known.add(name);
    }
  }

  private confirm(packet: Buffer): void {
    this.pubacks += 1;
    if (this.arrived?.ids.has(packet.readUInt16BE(2))) this.arrived.wrong += 1;
  }

  private acknowledge(packet: Buffer): void {
    const { arrived } = this;
    if (arrived === null) return;
    const { acks } = JSON.parse(packet.toString('utf8', packet.indexOf('{'))) as Ack;
    for (const { epoch, kind, upto, ranges = [] } of acks) {
      const covered = new Ranges([...(upto > 0 ? [[1, upto] as const] : []), ...ranges]);
      const wrong = arrived.numbered.filter((n) => n.epoch === epoch && n.kind === kind && covered.has(n.seq));
      arrived.wrong += wrong.length;
    }
  }
}
