// mqtt's door: one MQTT connection, from CONNECT to close. It keeps no message of its own: what was not confirmed
// before the close is unknown, and the caller's business (our spool, or the broker's session, still has it).
import { readFileSync } from 'node:fs';
import { connect, type IClientOptions, type IConnackPacket, type IPublishPacket, type MqttClient } from 'mqtt';
import { explainClose, explainConnect, explainPublish } from './mqtt-errors.js';

export type Qos = 0 | 1 | 2;

export interface TlsFiles {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
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
  readonly retain: boolean;
  /** Sends the PUBACK. Until then the broker keeps the message; after the connection has closed it does nothing. */
  ack(): void;
}

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_PACKET_BYTES = 65_536;
const SESSION_EXPIRY_S = 30 * 24 * 3600;

/**
 * Connects once.
 *
 * @throws BrokerError `refused`, `unreachable`, `credentials`, `tls`, `version`, `timeout` or `closed`, with what to do.
 */
export async function openLink(options: LinkOptions): Promise<MqttLink> {
  const client = connect(toClientOptions(options));
  let streamError: Error | undefined;
  client.stream?.on('error', (error: Error) => {
    streamError = error;
  });
  return new Promise((resolve, reject) => {
    const fail = (error?: Error): void => {
      client.removeAllListeners();
      client.on('error', () => {}); // one more may follow the first, and without a listener it ends the process
      client.end(true);
      reject(explainConnect(options, error ?? streamError));
    };
    client.once('error', fail);
    client.once('close', () => fail());
    client.once('connect', (connack) => {
      client.removeListener('error', fail);
      client.removeAllListeners('close');
      resolve(new MqttLink(client, connack));
    });
  });
}

export class MqttLink {
  /** Resolves when the connection is gone, with why; never rejects. */
  readonly closed: Promise<Error>;
  readonly sessionPresent: boolean;
  /** How many unconfirmed QoS 1 and 2 messages the broker takes [MQTT5-3.2.2.3.3]. */
  readonly receiveMaximum: number;
  /** The largest packet the broker takes, in bytes [MQTT5-3.2.2.3.6]. */
  readonly maximumPacketBytes: number;
  private open = true;

  constructor(
    private readonly client: MqttClient,
    connack: IConnackPacket,
  ) {
    this.sessionPresent = connack.sessionPresent;
    this.receiveMaximum = connack.properties?.receiveMaximum ?? 65_535;
    this.maximumPacketBytes = connack.properties?.maximumPacketSize ?? 268_435_455;
    this.closed = new Promise((resolve) => {
      let reason: unknown;
      client.on('error', (error) => {
        reason ??= error;
        // After a packet that mqtt-packet can't read (mosquitto's PUBACK 0x95 is one) its parser is dead, and the
        // connection would look alive until the keepalive runs out.
        client.end(true);
      });
      client.on('disconnect', (packet) => {
        reason ??= packet;
      });
      client.on('close', () => {
        this.open = false;
        client.end(true);
        resolve(explainClose(reason));
      });
    });
  }

  /**
   * Hands every incoming message to `handle`, without waiting for its ack: the documented way (a callback per
   * message) delivers the next one only after the last was acknowledged, and holds back PINGRESP behind it.
   */
  onMessage(handle: (message: IncomingMessage) => void): void {
    const { client } = this;
    client.handleMessage = (packet: IPublishPacket, done) => {
      const { topic, messageId, retain, qos } = packet;
      const payload = Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload);
      handle({ topic, payload, retain, ack: () => this.sendPuback(qos, messageId) });
      // An error keeps mqtt.js from sending the PUBACK itself and lets its parser go on (mqtt src/lib/handlers/publish.ts).
      done(qos === 0 ? undefined : new Error('acknowledged later'));
    };
  }

  private sendPuback(qos: Qos, messageId: number | undefined): void {
    if (qos === 0 || messageId === undefined || !this.open) return;
    // Private in mqtt's types, hence the exact version pin and the contract test of this file.
    this.client['_sendPacket']({ cmd: 'puback', messageId, reasonCode: 0 });
  }

  /**
   * Resolves at PUBACK (QoS 1), PUBCOMP (QoS 2), or when written to the socket (QoS 0).
   *
   * @throws BrokerError `not-authorised`, `quota`, `too-large`, `refused`: the broker's own no; `closed`: unknown
   *   whether it arrived.
   */
  publish({ topic, payload, qos, retain }: OutgoingMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      this.client.publish(topic, payload, { qos, retain }, (error) => {
        if (error) reject(explainPublish(topic, error));
        else resolve();
      });
    });
  }

  /** @throws BrokerError `not-authorised` or `closed`. */
  async subscribe(topics: readonly string[], qos: Qos): Promise<void> {
    try {
      await this.client.subscribeAsync([...topics], { qos });
    } catch (error: unknown) {
      throw explainPublish(topics.join(', '), error);
    }
  }

  /** Says DISCONNECT, so that no will is sent, and closes; what is in flight gets up to `timeoutMs` to be confirmed. */
  async end(timeoutMs = 2_000): Promise<void> {
    const timer = setTimeout(() => this.client.end(true), timeoutMs);
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
    connectTimeout: CONNECT_TIMEOUT_MS,
    // One client object per connection, and no queue in memory: mqtt.js would lose or double what it keeps.
    reconnectPeriod: 0,
    queueQoSZero: false,
    resubscribe: false,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(will === undefined ? {} : { will: { ...will, payload: Buffer.from(will.payload) } }),
    ...(tls === undefined ? {} : tlsOptions(tls, host)),
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

function tlsOptions({ caFile, certFile, keyFile, insecure }: TlsFiles, host: string): IClientOptions {
  return {
    servername: host,
    rejectUnauthorized: !insecure,
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
    ...(certFile === undefined ? {} : { cert: readFileSync(certFile) }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
  };
}
