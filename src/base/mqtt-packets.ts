// mqtt-packet's door: the bytes of an MQTT client as whole packets, and answers to it as bytes. It keeps at most
// MAX_PACKET_BYTES of a packet, whatever its length says: mqtt-packet alone would keep up to 256 MB of one.
import { generate, type IConnectPacket, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import { PayloadError, toError } from './errors.js';

export type { IConnectPacket, IPublishPacket, Packet };

/** Far more than any message of DragonSync's; the same as is sent on. */
export const MAX_PACKET_BYTES = 65_536;

export interface ReadPacket {
  readonly packet: Packet;
  /** It was longer than MAX_PACKET_BYTES, and its payload ends there. */
  readonly cut: boolean;
}

interface Header {
  readonly bytes: number;
  readonly bodyBytes: number;
}

/** Pieces that one packet came in before they are put together: of each byte alone, a chunk would take a hundred. */
const MAX_CHUNKS = 64;
const PUBLISH = 3;

export class PacketReader {
  private readonly parser = parser();
  private readonly parsed: Packet[] = [];
  private problem: Error | null = null;
  private chunks: Buffer[] = [];
  private held = 0;
  /** Fewer bytes than these make no packet. */
  private needed = 0;
  /** Of a packet that was cut, what is still to come. */
  private skipped = 0;

  constructor() {
    this.parser.on('packet', (packet) => this.parsed.push(packet));
    this.parser.on('error', (error: unknown) => {
      this.problem ??= toError(error);
    });
  }

  /**
   * The packets that are whole with this chunk, each read when it is asked for; to be asked for all before the next chunk.
   *
   * @throws PayloadError `mqtt` when this is no MQTT, `too-large` for a large packet that is no message: nothing after it
   *   can be read.
   */
  *read(chunk: Buffer): Generator<ReadPacket> {
    const dropped = Math.min(this.skipped, chunk.length);
    this.skipped -= dropped;
    if (dropped === chunk.length) return;
    this.chunks.push(chunk.subarray(dropped));
    this.held += chunk.length - dropped;
    if (this.held < this.needed) {
      if (this.chunks.length >= MAX_CHUNKS) this.chunks = [Buffer.concat(this.chunks)];
      return;
    }
    const bytes = this.chunks.length === 1 ? chunk.subarray(dropped) : Buffer.concat(this.chunks);
    yield* this.readAll(bytes);
  }

  private *readAll(bytes: Buffer): Generator<ReadPacket> {
    let at = 0;
    this.needed = 0;
    while (at < bytes.length) {
      const header = readHeader(bytes, at);
      const length = header === null ? null : header.bytes + header.bodyBytes;
      const wanted = length === null ? bytes.length - at + 1 : Math.min(length, MAX_PACKET_BYTES);
      if (header === null || length === null || bytes.length - at < wanted) {
        this.needed = wanted;
        break;
      }
      const isCut = length > wanted;
      yield { packet: this.parse(bytes, at, header, wanted, isCut), cut: isCut };
      const here = Math.min(length, bytes.length - at);
      this.skipped = length - here;
      at += here;
    }
    this.held = bytes.length - at;
    this.chunks = this.held === 0 ? [] : [bytes.subarray(at)];
  }

  private parse(bytes: Buffer, at: number, header: Header, length: number, isCut: boolean): Packet {
    const type = bytes.readUInt8(at);
    if (isCut && type >> 4 !== PUBLISH) {
      throw new PayloadError(`a packet of ${header.bodyBytes} bytes that is no message`, { code: 'too-large' });
    }
    const body = bytes.subarray(at + header.bytes, at + length);
    const whole = isCut
      ? Buffer.concat([Buffer.from([type]), varint(body.length), body])
      : bytes.subarray(at, at + length);
    try {
      this.parser.parse(whole);
    } catch (thrown: unknown) {
      this.problem ??= toError(thrown);
    }
    const packet = this.parsed.pop();
    if (this.problem !== null || packet === undefined || this.parsed.length > 0) {
      throw new PayloadError(`no MQTT: ${this.problem?.message ?? 'a packet that ends too early'}`, { code: 'mqtt' });
    }
    return packet;
  }
}

/** Type and length [MQTT5-2.1]; null while it is not all there. */
function readHeader(bytes: Buffer, at: number): Header | null {
  let bodyBytes = 0;
  for (let i = 0; i < 4; i += 1) {
    const digit = bytes[at + 1 + i];
    if (digit === undefined) return null;
    bodyBytes += (digit & 0x7f) * 128 ** i;
    if (digit < 0x80) return { bytes: 2 + i, bodyBytes };
  }
  throw new PayloadError('no MQTT: a length of more than four bytes', { code: 'mqtt' });
}

/** A length [MQTT5-1.5.5]. */
function varint(length: number): Buffer {
  const digits: number[] = [];
  let rest = length;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    digits.push(rest > 0 ? digit | 0x80 : digit);
  } while (rest > 0);
  return Buffer.from(digits);
}

/** The bytes of an answer; `version` 5, or 4 for MQTT 3.1.1. */
export function packetBytes(packet: Packet, version: 4 | 5): Buffer {
  return generate(packet, { protocolVersion: version });
}
