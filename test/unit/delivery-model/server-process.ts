// A server's process: the real decoder, store and acknowledger, between a simulated broker's session and a database.
import { STREAM_WIRE } from '../../../src/schema/stream-frame.js';
import { DEFAULT_TOPICS, helloTopic } from '../../../src/schema/topics.js';
import { Acknowledger } from '../../../src/server/acknowledger.js';
import { Decoder } from '../../../src/server/decode.js';
import type { Batch, CommitResult, Store } from '../../../src/server/store.js';
import type { Broker, Message, ServerSession } from './broker.js';
import type { KitDatabase } from './database.js';
import type { VirtualTime } from './virtual-time.js';

/** Where a server may die: before the commit, before the broker hears of it, before the kit does. */
export type Death = 'commit' | 'PUBACK' | 'acknowledgement';

interface Life {
  readonly bootId: string;
  readonly credit: number;
  readonly decoder: Decoder;
  readonly acknowledger: Acknowledger;
  session: number;
  connections: number;
}

export class ServerProcess {
  credit = 1_500;
  readsFrames = true;
  private life: Life | null = null;
  private isLinked = false;
  private storeState: 'ok' | 'down' = 'ok';
  private boots = 0;

  constructor(
    readonly id: string,
    readonly database: KitDatabase,
    private readonly store: Pick<Store, 'commit'>,
    private readonly broker: Broker,
    private readonly time: VirtualTime,
  ) {}

  get isServing(): boolean {
    return this.life !== null && this.isLinked && this.storeState === 'ok';
  }

  /** The credit of the last hello; null when it has not begun. */
  get creditOffered(): number | null {
    return this.life?.credit ?? null;
  }

  get queued(): number {
    return this.isLinked ? (this.session?.queue.length ?? 0) : 0;
  }

  start(): void {
    if (this.life !== null) return;
    this.boots += 1;
    const life: Life = {
      bootId: `${this.id} ${this.boots}`,
      credit: this.credit,
      decoder: new Decoder(DEFAULT_TOPICS),
      acknowledger: new Acknowledger({
        storeId: this.database.storeId,
        // An acknowledger that offers nothing would have to answer what nobody may send.
        credit: Math.max(1, this.credit),
        publish: ({ topic, payload, qos, retain }) => {
          if (this.life === life && this.isLinked)
            this.broker.fromServer({ topic, payload: Buffer.from(payload), qos, retain });
        },
        nowUs: () => this.time.wallMs * 1_000,
      }),
      session: 1,
      connections: 0,
    };
    this.life = life;
    this.storeState = 'ok';
    this.connect();
  }

  /** Also when the broker has broken the connection. */
  connect(): void {
    const { life } = this;
    if (life === null || this.isLinked) return;
    const wasPresent = this.broker.connectServer(this.id);
    this.isLinked = true;
    life.connections += 1;
    if (life.connections > 1 && !wasPresent) life.session += 1;
    this.sayHello(true);
  }

  /** The connection is gone; the broker says so for it. */
  disconnect(): void {
    if (!this.isLinked) return;
    this.sayHello(false);
    this.isLinked = false;
    this.session?.unlink();
  }

  /** The broker itself is gone. */
  cutOff(): void {
    this.isLinked = false;
  }

  crash(): void {
    this.disconnect();
    this.life = null;
  }

  stop(): void {
    this.life?.acknowledger.stop();
    this.crash();
  }

  setStore(state: 'ok' | 'down'): void {
    this.storeState = state;
    if (this.life !== null && this.isLinked) this.sayHello(true);
  }

  /** Takes so many messages and commits them at once. */
  async take(count: number, which: number, death: Death | null): Promise<void> {
    const { life, session } = this;
    if (life === null || session === undefined || !this.isServing) return;
    const taken: Message[] = [];
    for (let i = 0; i < count; i += 1) {
      const message = session.give(which + i);
      if (message !== undefined) taken.push(message);
    }
    if (taken.length === 0) return;
    const batch = merge(
      taken
        .filter(({ topic }) => this.readsFrames || !topic.endsWith('/stream'))
        .map((message) => life.decoder.decode({ ...message, receivedUs: this.time.wallMs * 1e3 })),
    );
    if (death === 'commit') return this.crash();
    const { streams } = await this.commit(batch);
    if (death === 'PUBACK') return this.crash();
    for (const message of taken) session.confirm(message);
    if (death === 'acknowledgement') return this.crash();
    life.acknowledger.committed(batch, streams);
  }

  private commit(batch: Batch): Promise<CommitResult> {
    return this.database.commit(this.store, batch);
  }

  private get session(): ServerSession | undefined {
    return this.broker.sessions.get(this.id);
  }

  private sayHello(online: boolean): void {
    const { life, id, storeState: store } = this;
    if (life === null) return;
    const { bootId: boot_id, session, credit } = life;
    const { storeId: store_id } = this.database;
    const wire = this.readsFrames ? ['topics', STREAM_WIRE] : ['topics'];
    const hello = { v: 1, server_id: id, store_id, boot_id, session, wire, credit, store, online };
    const payload = Buffer.from(JSON.stringify(hello));
    this.broker.fromServer({ topic: helloTopic(id), payload, qos: 1, retain: true });
  }
}

function merge(batches: readonly Batch[]): Batch {
  return {
    observations: batches.flatMap(({ observations }) => observations),
    rejects: batches.flatMap(({ rejects }) => rejects),
    contacts: batches.flatMap(({ contacts }) => contacts),
    reports: batches.flatMap(({ reports }) => reports),
  };
}
