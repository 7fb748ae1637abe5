// Cuts a stream of bytes into whole MQTT packets, for faults that meet one packet and not the next.

export const PUBLISH = 3;
/** Whatever tells a publisher that its message has arrived: PUBACK, PUBREC, PUBCOMP. */
export const CONFIRMATIONS: ReadonlySet<number> = new Set([4, 5, 7]);

export function packetType(packet: Buffer): number {
  return (packet[0] ?? 0) >>> 4;
}

export class PacketCutter {
  private rest: Buffer = Buffer.alloc(0);

  /** The packets that are complete with this chunk; what is left waits for the next. */
  cut(chunk: Buffer): Buffer[] {
    let bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const packets: Buffer[] = [];
    for (let length = packetLength(bytes); length !== null && length <= bytes.length; length = packetLength(bytes)) {
      packets.push(bytes.subarray(0, length));
      bytes = bytes.subarray(length);
    }
    this.rest = bytes;
    return packets;
  }
}

/** Of a PUBLISH; null at QoS 0, which has none. */
export function packetId(packet: Buffer): number | null {
  if (!hasId(packet)) return null;
  const at = afterLength(packet, 1);
  return packet.readUInt16BE(at + 2 + packet.readUInt16BE(at));
}

/** Of a PUBLISH of MQTT 5 [MQTT5-3.3.2]. */
export function publishOf(packet: Buffer): { topic: string; payload: Buffer } {
  const at = afterLength(packet, 1);
  const topicEnd = at + 2 + packet.readUInt16BE(at);
  const properties = topicEnd + (hasId(packet) ? 2 : 0);
  const [length, begin] = [variableLength(packet, properties), afterLength(packet, properties)];
  return { topic: packet.toString('utf8', at + 2, topicEnd), payload: packet.subarray(begin + length) };
}

function hasId(packet: Buffer): boolean {
  return ((packet[0] ?? 0) & 0b110) !== 0;
}

/** With one bit of a PUBLISH's header or topic turned over: what it says stays whole, as TCP's checksum would see to. */
export function damaged(packet: Buffer, chance: () => number): Buffer {
  const topicAt = afterLength(packet, 1);
  const copy = Buffer.from(packet);
  const place = Math.floor(chance() * (topicAt + 2 + packet.readUInt16BE(topicAt)));
  copy[place] = (copy[place] ?? 0) ^ (1 << Math.floor(chance() * 8));
  return copy;
}

/** Null while even the length is not there yet [MQTT5-1.5.5]. */
function packetLength(bytes: Buffer): number | null {
  for (let i = 1; i <= 4; i += 1) {
    const byte = bytes[i];
    if (byte === undefined) return null;
    if (byte < 0x80) return 1 + i + variableLength(bytes, 1);
  }
  throw new Error('not an MQTT packet');
}

/** The number that begins at `at`, seven bits a byte [MQTT5-1.5.5]. */
function variableLength(bytes: Buffer, at: number): number {
  const byte = bytes[at] ?? 0;
  return (byte & 0x7f) + (byte < 0x80 ? 0 : 128 * variableLength(bytes, at + 1));
}

function afterLength(bytes: Buffer, at: number): number {
  return (bytes[at] ?? 0) < 0x80 ? at + 1 : afterLength(bytes, at + 1);
}
