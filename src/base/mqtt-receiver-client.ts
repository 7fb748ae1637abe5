// One client of the receiving end, from CONNECT to close: what it sends is checked, handed over a chunk at a time, and
// acknowledged once it is dealt with.
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { sleep } from './backoff.js';
import { errorCode, toError } from './errors.js';
import {
  type IConnectPacket,
  type IPublishPacket,
  MAX_PACKET_BYTES,
  type Packet,
  PacketReader,
  packetBytes,
  type ReadPacket,
} from './mqtt-packets.js';
import type { CloseCause, PushedMessage, PushHandler } from './mqtt-receiver.js';
import { TokenBucket } from './token-bucket.js';

export interface ReceiverClientOptions {
  readonly onMessages: PushHandler;
  readonly onSubscribe: (topics: readonly string[]) => void;
  readonly onClosedByUs: (cause: CloseCause, why: string) => void;
  readonly onGone: () => void;
}

const CONNECT_WITHIN_MS = 10_000;
const LEAVE_MS = 500;
/** Some milliseconds' worth. */
const PACKETS_A_TURN = 256;
/** DragonSync sends six messages of each drone every 2 s: 200 drones are 600 a second. Who sends more waits. */
const PACKETS = { perSecond: 2_000, burst: 4_000 };
/** Answers that wait for a client who reads none. */
const MAX_UNREAD_BYTES = 262_144;
/** Of QoS 1 and 2 messages not yet acknowledged [MQTT5-3.2.2.3.3]. */
const RECEIVE_MAXIMUM = 100;

/** Reason codes [MQTT5-2.4], and those of MQTT 3.1.1 [MQTT-3.2.2.3, MQTT-3.9.3]. */
const REASON = {
  notAuthorised: 0x87,
  noSubscription: 0x11,
  quotaExceeded: 0x97,
  protocolError: 0x82,
  shuttingDown: 0x8b,
};
const RETURN = { wrongVersion: 1, wrongId: 2, subscriptionFailed: 0x80 };

export class ReceiverClient {
  /** Milliseconds of a monotonic clock; below 0 when there was none. */
  lastMessageAtMs = -1;
  private version: 4 | 5 | null = null;
  private readonly reader = new PacketReader();
  private readonly connectTimer: NodeJS.Timeout;
  private readonly allowance = new TokenBucket(PACKETS);
  private isOver = false;

  constructor(
    private readonly socket: Socket,
    private readonly options: ReceiverClientOptions,
  ) {
    this.connectTimer = setTimeout(() => this.close('silent', 'it did not say CONNECT in time'), CONNECT_WITHIN_MS);
    socket.on('data', (chunk) => void this.take(chunk));
    socket.on('timeout', () => this.close('silent', 'it was silent for longer than its keepalive'));
    socket.on('error', () => {}); // close follows
    socket.on('close', () => {
      this.isOver = true;
      clearTimeout(this.connectTimer);
      options.onGone();
    });
  }

  get isConnected(): boolean {
    return this.version !== null && !this.isOver;
  }

  /** We stop: said to a client that can be told. */
  leave(): void {
    if (this.version === 5) this.send({ cmd: 'disconnect', reasonCode: REASON.shuttingDown });
    this.end();
  }

  close(cause: CloseCause, why = 'more clients came than it takes, and this one sent least'): void {
    if (this.isOver) return;
    this.options.onClosedByUs(cause, why);
    this.end();
  }

  private end(): void {
    this.isOver = true;
    this.socket.destroySoon();
    // Whoever reads nothing is not waited for.
    setTimeout(() => this.socket.destroy(), LEAVE_MS).unref();
  }

  /** One chunk at a time, and of it a few packets: whoever floods waits, and the others have their turn. */
  private async take(chunk: Buffer): Promise<void> {
    this.socket.pause();
    const packets = this.reader.read(chunk);
    for (let isOver = false; !isOver && !this.isOver; ) {
      const messages: PushedMessage[] = [];
      isOver = this.handleSome(packets, messages);
      if (messages.length > 0) {
        this.lastMessageAtMs = performance.now();
        await this.options.onMessages(messages);
      } else await nextTurn();
      const waitMs = this.allowance.waitMs();
      if (waitMs > 0) await sleep(waitMs);
    }
    this.socket.resume();
  }

  /** True when it was the last of them. */
  private handleSome(packets: Generator<ReadPacket>, messages: PushedMessage[]): boolean {
    try {
      for (let count = 0; count < PACKETS_A_TURN && !this.isOver; count += 1) {
        const { done, value } = packets.next();
        if (done === true) return true;
        this.allowance.spend(1);
        this.handle(value.packet, value.cut, messages);
      }
    } catch (thrown: unknown) {
      const error = toError(thrown);
      this.close(errorCode(error) === 'too-large' ? 'too-large' : 'no-mqtt', error.message);
    }
    return false;
  }

  private handle(packet: Packet, cut: boolean, messages: PushedMessage[]): void {
    if (packet.cmd === 'connect') {
      this.connect(packet);
      return;
    }
    // [MQTT-3.1.0-1]
    if (this.version === null) {
      this.close('no-mqtt', `it began with ${packet.cmd}`);
      return;
    }
    switch (packet.cmd) {
      case 'publish':
        this.publish(packet, cut, messages);
        return;
      case 'pubrel':
        this.send({ cmd: 'pubcomp', messageId: packet.messageId ?? 0, reasonCode: 0 });
        return;
      case 'pingreq':
        this.send({ cmd: 'pingresp' });
        return;
      case 'subscribe':
        this.options.onSubscribe(packet.subscriptions.map(({ topic }) => topic));
        this.send({
          cmd: 'suback',
          messageId: packet.messageId ?? 0,
          granted: packet.subscriptions.map(() =>
            this.version === 5 ? REASON.notAuthorised : RETURN.subscriptionFailed,
          ),
        });
        return;
      case 'unsubscribe':
        this.send({
          cmd: 'unsuback',
          messageId: packet.messageId ?? 0,
          granted: packet.unsubscriptions.map(() => REASON.noSubscription),
        });
        return;
      case 'disconnect':
        this.end();
        return;
      default:
        this.close('no-mqtt', `it sent ${packet.cmd}`);
    }
  }

  private connect(packet: IConnectPacket): void {
    // [MQTT-3.1.0-2]
    if (this.version !== null) {
      this.close('no-mqtt', 'it said CONNECT twice');
      return;
    }
    clearTimeout(this.connectTimer);
    const { protocolVersion, clientId, clean, keepalive = 0 } = packet;
    if (protocolVersion !== 4 && protocolVersion !== 5) {
      this.refuse(RETURN.wrongVersion, 'it speaks neither MQTT 5 nor 3.1.1');
      return;
    }
    // [MQTT-3.1.3-8]; MQTT 5 has the receiver give it one [MQTT5-3.1.3-6].
    if (protocolVersion === 4 && clientId === '' && clean !== true) {
      this.refuse(RETURN.wrongId, 'it wants a session and has no client id');
      return;
    }
    this.version = protocolVersion;
    // [MQTT-3.1.2-24]
    this.socket.setTimeout(keepalive * 1_500);
    const properties = {
      sessionExpiryInterval: 0,
      receiveMaximum: RECEIVE_MAXIMUM,
      maximumPacketSize: MAX_PACKET_BYTES,
      ...(clientId === '' ? { assignedClientIdentifier: randomBytes(8).toString('hex') } : {}),
    };
    this.send({
      cmd: 'connack',
      sessionPresent: false,
      ...(protocolVersion === 5 ? { reasonCode: 0, properties } : { returnCode: 0 }),
    });
  }

  private refuse(returnCode: number, why: string): void {
    this.socket.write(packetBytes({ cmd: 'connack', sessionPresent: false, returnCode }, 4));
    this.close('refused', why);
  }

  private publish(
    { topic, payload, qos, messageId = 0 }: IPublishPacket,
    cut: boolean,
    messages: PushedMessage[],
  ): void {
    // We offer no topic aliases [MQTT5-3.3.2-8].
    if (topic === '') {
      if (this.version === 5) this.send({ cmd: 'disconnect', reasonCode: REASON.protocolError });
      this.close('no-mqtt', 'it sent a message without a topic');
      return;
    }
    // [MQTT-2.3.1-1]
    if (qos > 0 && messageId < 1) {
      this.close('no-mqtt', 'it sent a message without a packet identifier');
      return;
    }
    messages.push({
      topic,
      payload: Buffer.isBuffer(payload) ? payload : Buffer.from(payload),
      cut,
      // A repeated QoS 2 message folds like any other: nothing has to be remembered between PUBREC and PUBREL.
      ack: () => {
        if (qos > 0) this.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId, reasonCode: 0 });
      },
      refuse: () => {
        if (qos === 0 || this.isOver) return;
        if (this.version === 5) this.send({ cmd: 'disconnect', reasonCode: REASON.quotaExceeded });
        this.close('refused', 'not all that it sent is taken, and it waits for a confirmation');
      },
    });
  }

  private send(packet: Packet): void {
    if (this.isOver || this.version === null) return;
    // What is answered at once goes out at once.
    if (this.socket.writableCorked === 0) {
      this.socket.cork();
      process.nextTick(() => this.socket.uncork());
    }
    this.socket.write(packetBytes(packet, this.version));
    if (this.socket.writableLength > MAX_UNREAD_BYTES) {
      this.options.onClosedByUs('unread', 'it does not read what it is answered');
      this.isOver = true;
      this.socket.destroy();
    }
  }
}
