// mqtt's door: one MQTT connection, from CONNECT to close. It keeps no message of its own: what was not confirmed
// before the close is unknown, and the caller's business (our spool, or the broker's session, still has it).
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { connect, type IClientOptions, type IConnackPacket, type IPublishPacket, type MqttClient } from 'mqtt';
import { explainClose, explainConnect, explainPublish, explainSubscribe, explainTlsFiles } from './mqtt-errors.js';

export type Qos = 0 | 1 | 2;

export interface TlsFiles {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** What would be in such a file, in its place. */
  readonly pem?: {
    readonly ca?: string | undefined;
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
  };
  /** Accept any certificate; for a lab. */
  readonly insecure: boolean;
}

export interface LinkOptions {
  readonly host: string;
  readonly port: number;
  /** 5, or 4 for MQTT 3.1.1. */
  readonly version: 4 | 5;
  readonly clientId: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: TlsFiles | undefined;
  readonly keepaliveS: number;
  /** False keeps a session on the broker across connections. */
  readonly clean: boolean;
  /** How many unacknowledged messages the broker may send us [MQTT5-3.1.2.11.3]. */
  readonly receiveMaximum?: number;
  /** From the first packet to CONNACK. */
  readonly connectTimeoutMs?: number;
  readonly will?: OutgoingMessage;
}

export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: string | Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
}

export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
  /** Sends the PUBACK. Until then the broker keeps the message; after the connection has closed it does nothing. */
  ack(): void;
}

/** While what it returns is pending, nothing more is read from the connection; it never rejects. */
type MessageHandler = (message: IncomingMessage) => Promise<void> | undefined;

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_PACKET_BYTES = 65_536;
const SESSION_EXPIRY_S = 30 * 24 * 3600;

/**
 * Connects once.
 *
 * @throws BrokerError `refused`, `unreachable`, `credentials`, `client-id`, `version`, `unavailable`, `tls`, `timeout`
 *   or `closed`, with what to do.
 */
export async function openLink(options: LinkOptions): Promise<MqttLink> {
  const client = startClient(options);
  // Our Nagle against the broker's delayed acknowledgement halts a full window for 40 ms at a time.
  if (client.stream instanceof Socket) client.stream.setNoDelay(true);
  const inbox = new Inbox(client);
  return new Promise((resolve, reject) => {
    let problem: Error | undefined;
    const fail = (error?: Error): void => {
      problem ??= error;
      client.stream.destroy();
      reject(explainConnect(options, problem));
    };
    // Of a TLS handshake that fails mqtt.js says nothing when certificates are not checked.
    client.stream.on('error', (error: Error) => {
      problem ??= error;
    });
    const closed = (): void => fail();
    client.once('error', fail);
    client.once('close', closed);
    client.once('connect', (connack) => {
      client.removeListener('error', fail);
      client.removeListener('close', closed);
      resolve(new MqttLink(client, inbox, connack));
    });
  });
}

function startClient(options: LinkOptions): MqttClient {
  try {
    return connect(toClientOptions(options));
  } catch (thrown: unknown) {
    throw explainTlsFiles(thrown); // nothing else is read or parsed before the socket
  }
}

/** Made once: an Error takes longer to make than a message to parse. */
const ACKNOWLEDGED_LATER = new Error('acknowledged later');

/**
 * Takes messages from the first byte on: what the broker kept of a session comes right behind CONNACK, before whoever
 * waits for the link goes on, and mqtt.js acknowledges (and so loses) what nobody has asked for yet.
 */
class Inbox {
  private readonly early: IncomingMessage[] = [];
  private handle: MessageHandler = (message) => {
    this.early.push(message);
  };

  constructor(private readonly client: MqttClient) {
    client.handleMessage = (packet, done) => {
      const { topic, qos, retain } = packet;
      const payload = Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload);
      const room = this.handle({ topic, payload, qos, retain, ack: () => this.acknowledge(packet) });
      // An error keeps mqtt.js from sending the PUBACK itself and lets its parser go on (mqtt src/lib/handlers/publish.ts).
      // Of QoS 2, which we do not subscribe to, only mqtt.js itself can end the handshake.
      const goOn = (): void => done(packet.qos === 1 ? ACKNOWLEDGED_LATER : undefined);
      if (room instanceof Promise) void this.keepAliveUntil(room).then(goOn);
      else goOn();
    };
  }

  open(handle: MessageHandler): void {
    this.handle = handle;
    for (const message of this.early.splice(0)) void handle(message);
  }

  /**
   * While nothing is read, PINGRESP is not read either, and mqtt.js would take a connection that is alive for dead. Its
   * pings go out all the same; whether anybody answers them is looked at again when reading goes on.
   */
  private async keepAliveUntil(room: Promise<void>): Promise<void> {
    const { client } = this;
    client.reschedulePing(true); // a message came: so far it is alive
    const ping = (): void => {
      if (client.connected) client.sendPing();
      client.reschedulePing(true);
    };
    const timer = setInterval(ping, client.keepalive * 500).unref();
    await room;
    clearInterval(timer);
  }

  private acknowledge({ qos, messageId }: IPublishPacket): void {
    if (qos !== 1 || messageId === undefined || !this.client.connected) return;
    // Private in mqtt's types, hence the exact version pin and the contract test of this file.
    this.client['_sendPacket']({ cmd: 'puback', messageId, reasonCode: 0 });
  }
}

export class MqttLink {
  /** Resolves when the connection is gone, with why; never rejects. */
  readonly closed: Promise<Error>;
  readonly sessionPresent: boolean;
  /** How many unconfirmed QoS 1 and 2 messages the broker takes [MQTT5-3.2.2.3.3]. */
  readonly receiveMaximum: number;
  /** The largest packet the broker takes, in bytes [MQTT5-3.2.2.3.6]. */
  readonly maximumPacketBytes: number;
  /** [MQTT5-3.2.2.3.4] */
  readonly maximumQos: Qos;
  /** [MQTT5-3.2.2.3.5] */
  readonly retainAvailable: boolean;
  private open = true;
  private readonly unsettled = new Set<{ readonly topic: string; readonly reject: (error: Error) => void }>();

  constructor(
    private readonly client: MqttClient,
    private readonly inbox: Inbox,
    connack: IConnackPacket,
  ) {
    this.sessionPresent = connack.sessionPresent;
    this.receiveMaximum = connack.properties?.receiveMaximum ?? 65_535;
    this.maximumPacketBytes = connack.properties?.maximumPacketSize ?? 268_435_455;
    this.maximumQos = (connack.properties?.maximumQoS ?? 2) as Qos;
    this.retainAvailable = connack.properties?.retainAvailable ?? true;
    this.closed = new Promise((resolve) => {
      let reason: unknown;
      const close = (why: unknown): void => {
        reason ??= why;
        // After a packet that mqtt-packet can't read (mosquitto's PUBACK 0x95 is one) its parser is dead, and the
        // connection would look alive until the keepalive runs out.
        client.stream.destroy();
      };
      client.on('error', close);
      client.on('disconnect', close);
      client.on('close', () => {
        this.open = false;
        // mqtt.js itself leaves what a session was kept for, and what waits for the socket to drain, unanswered.
        for (const { topic, reject } of this.unsettled) reject(explainPublish(topic, new Error('connection closed')));
        this.unsettled.clear();
        resolve(explainClose(reason));
      });
    });
  }

  /** False once the connection is gone: what is published then is not even written. */
  get isOpen(): boolean {
    return this.open;
  }

  /**
   * Hands every incoming message to `handle`, without waiting for its ack: the documented way (a callback per
   * message) delivers the next one only after the last was acknowledged, and holds back PINGRESP behind it.
   * What came before this call is kept for it.
   */
  onMessage(handle: MessageHandler): void {
    this.inbox.open(handle);
  }

  /**
   * Resolves at PUBACK (QoS 1), PUBCOMP (QoS 2), or when written to the socket (QoS 0).
   *
   * @throws BrokerError `not-authorised`, `quota`, `unwilling`, `too-large`, `refused`: the broker's own no; `closed`: unknown
   *   whether it arrived.
   */
  publish({ topic, payload, qos, retain }: OutgoingMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.open) {
        reject(explainPublish(topic, new Error('connection closed')));
        return;
      }
      const one = { topic, reject };
      this.unsettled.add(one);
      this.client.publish(topic, payload, { qos, retain }, (error) => {
        this.unsettled.delete(one);
        if (error) reject(explainPublish(topic, error));
        else resolve();
      });
    });
  }

  /**
   * At most QoS 1: of QoS 2 a client that dies between PUBREC and PUBREL loses the message.
   *
   * @throws BrokerError `not-authorised`, `refused` or `closed`.
   */
  async subscribe(topics: readonly string[], qos: 0 | 1): Promise<void> {
    try {
      if (!this.open) throw new Error('connection closed');
      await this.client.subscribeAsync([...topics], { qos });
    } catch (thrown: unknown) {
      throw explainSubscribe(topics, thrown);
    }
  }

  /** @throws BrokerError `closed`. */
  async unsubscribe(topics: readonly string[]): Promise<void> {
    try {
      if (!this.open) throw new Error('connection closed');
      await this.client.unsubscribeAsync([...topics]);
    } catch (thrown: unknown) {
      throw explainSubscribe(topics, thrown);
    }
  }

  /** Says DISCONNECT, so that no will is sent, and closes; what is in flight gets up to `timeoutMs` to be confirmed. */
  async end(timeoutMs = 2_000): Promise<void> {
    if (!this.open) return;
    // A broker that hangs confirms nothing, and never closes its side.
    const timer = setTimeout(() => this.client.stream.destroy(), timeoutMs);
    this.client.end(false);
    await this.closed;
    clearTimeout(timer);
  }
}

function toClientOptions(options: LinkOptions): IClientOptions {
  const { host, port, version, clientId, username, password, tls, will } = options;
  return {
    protocol: tls ? 'mqtts' : 'mqtt',
    host,
    port,
    clientId,
    protocolVersion: version,
    clean: options.clean,
    keepalive: options.keepaliveS,
    connectTimeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    // One client object per connection, and no queue in memory: mqtt.js would lose or double what it keeps.
    reconnectPeriod: 0,
    queueQoSZero: false,
    resubscribe: false,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(will === undefined ? {} : { will: { ...will, payload: Buffer.from(will.payload) } }),
    ...(tls === undefined ? {} : tlsOptions(tls)),
    ...(version === 5 ? { properties: v5Properties(options) } : {}),
  };
}

function v5Properties({ clean, receiveMaximum }: LinkOptions): NonNullable<IClientOptions['properties']> {
  return {
    maximumPacketSize: MAX_PACKET_BYTES,
    ...(receiveMaximum === undefined ? {} : { receiveMaximum }),
    ...(clean ? {} : { sessionExpiryInterval: SESSION_EXPIRY_S }),
  };
}

function tlsOptions({ caFile, certFile, keyFile, pem = {}, insecure }: TlsFiles): IClientOptions {
  return {
    rejectUnauthorized: !insecure,
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
    ...(certFile === undefined ? {} : { cert: readFileSync(certFile) }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
    ...(pem.ca === undefined ? {} : { ca: pem.ca }),
    ...(pem.cert === undefined ? {} : { cert: pem.cert }),
    ...(pem.key === undefined ? {} : { key: pem.key }),
  };
}
