// A receiving end for MQTT clients that publish, and no broker: it passes nothing on, retains nothing and keeps no session.
// It takes MQTT 5 and 3.1.1, any client id and any password, for it is meant for loopback.
import { createServer, type Server, type Socket } from 'node:net';
import { errorCode } from './errors.js';
import type { Logger } from './log.js';
import { ReceiverClient } from './mqtt-receiver-client.js';

export interface PushedMessage {
  readonly topic: string;
  readonly payload: Buffer;
  /** It was too long, and the payload is only its beginning. */
  readonly cut: boolean;
  /** It is in the spool, or of no use to anybody: the sender may forget it. */
  ack(): void;
  /** It could not be taken: its sender, if it waits for an acknowledgement, has to send it again. */
  refuse(): void;
}

/** Resolves when the messages are dealt with: meanwhile nothing more is read from their client. Never rejects. */
export type PushHandler = (messages: readonly PushedMessage[]) => Promise<void>;

export interface MqttReceiverOptions {
  readonly host: string;
  readonly port: number;
  readonly onMessages: PushHandler;
  readonly log: Logger;
}

/** Why a client was closed by us: each is counted, and said once. */
export type CloseCause = 'no-mqtt' | 'too-large' | 'silent' | 'unread' | 'crowded' | 'refused';

/** DragonSync is one. With each, at most a chunk of 64 KiB and a packet that is not whole are in memory. */
const MAX_CLIENTS = 32;

export class MqttReceiver {
  readonly closed: Record<CloseCause, number> = {
    'no-mqtt': 0,
    'too-large': 0,
    silent: 0,
    unread: 0,
    crowded: 0,
    refused: 0,
  };
  /** Topics that clients wanted to subscribe to. */
  subscriptions = 0;
  private readonly clients = new Set<ReceiverClient>();
  private readonly said = new Set<string>();
  private server: Server | null = null;

  constructor(private readonly options: MqttReceiverOptions) {}

  /** How many clients are connected, in the sense of MQTT. */
  get connected(): number {
    let count = 0;
    for (const client of this.clients) if (client.isConnected) count += 1;
    return count;
  }

  /** Where it listens: the port is another than asked for when that was 0. */
  get port(): number {
    const address = this.server?.address();
    return typeof address === 'object' && address !== null ? address.port : this.options.port;
  }

  /** Rejects with the error of the operating system, such as EADDRINUSE. */
  async start(): Promise<void> {
    const { host, port, log } = this.options;
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }, (socket) => {
      this.admit(socket);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => log.error({ code: errorCode(error) }, `the MQTT endpoint: ${error.message}`));
    this.server = server;
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server === null) return;
    this.server = null;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const client of this.clients) client.leave();
    await closed;
  }

  private admit(socket: Socket): void {
    if (this.clients.size >= MAX_CLIENTS) this.leastUseful()?.close('crowded');
    const client = new ReceiverClient(socket, {
      onMessages: this.options.onMessages,
      onSubscribe: (topics) => {
        this.subscriptions += topics.length;
        this.sayOnce(
          'subscribe',
          `a client wants to subscribe to ${topics[0] ?? ''}: this endpoint only takes messages`,
        );
      },
      onClosedByUs: (cause, why) => {
        this.closed[cause] += 1;
        this.sayOnce(cause, `a client of the MQTT endpoint was closed: ${why}`);
      },
      onGone: () => this.clients.delete(client),
    });
    this.clients.add(client);
  }

  /** One that has never sent a message, else the one that has been quiet for longest. */
  private leastUseful(): ReceiverClient | undefined {
    return [...this.clients].sort((a, b) => a.lastMessageAtMs - b.lastMessageAtMs)[0];
  }

  private sayOnce(what: string, text: string): void {
    if (this.said.has(what)) return;
    this.said.add(what);
    this.options.log.warn({ cause: what }, `${text} (said once, counted in the status)`);
  }
}
