// DragonSync's HTTP API, as far as the kit asks it, which keeps a book of what it has served whole. A kit gives no
// receipt: that it asks for /drones again says that it took what the last turn brought.
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Observation, Observations } from './observations.js';
import type { OutsideLedger } from './outside-ledger.js';

/** DragonSync shows a thing for 60 s; long enough here for a kit that is restarted to see it again. */
const SHOWN_MS = 8_000;
/** Each life of the kit asks below a path of its own: what a dead one had asked for may still be on its way here. */
const LIFE = /^\/life-(\d+)(\/.*)$/;
/** Below any other path asks a second kit, which takes nothing in the book's eyes. */
const OTHER = /^\/[^/]+(\/.*)$/;

export class FaultApi {
  /** By what they are about: DragonSync shows the latest of each. */
  private readonly shown = new Map<string, { observation: Observation; untilMs: number }>();
  private server: Server | null = null;
  /** Served since the kit last began a turn. */
  private served: string[] = [];
  private whole = true;
  private troubles = 0;
  private life = 0;
  private keeping = false;
  private status: Observation | null = null;

  constructor(
    private readonly observations: Observations,
    private readonly ledger: OutsideLedger,
  ) {}

  async start(): Promise<number> {
    const server = createServer((request, response) => this.answer(request.url ?? '/', response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    this.server = server;
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the API has no port');
    return address.port;
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve) ?? resolve(null));
  }

  show(count: number): void {
    const untilMs = Date.now() + SHOWN_MS;
    for (let i = 0; i < count; i += 1) {
      const observation = this.observations.next();
      this.shown.set(`${observation.kind} ${observation.thing}`, { observation, untilMs });
    }
  }

  /** From here on nothing of what is shown expires, and nothing new is. */
  keepShowing(): void {
    this.keeping = true;
  }

  withdrawAll(): void {
    this.shown.clear();
  }

  /** What was taken is not shown any longer. */
  withdrawTaken(): void {
    for (const [key, { observation }] of this.shown) if (this.ledger.isTaken(observation.id)) this.shown.delete(key);
  }

  get allTaken(): boolean {
    return [...this.shown.values()].every(({ observation }) => this.ledger.isTaken(observation.id));
  }

  /** A kit is about to start, and is to ask below the returned path; what the one before was given last is only offered. */
  beginLife(): string {
    this.kitEnded();
    return `/life-${this.life}`;
  }

  kitEnded(): void {
    this.life += 1;
    this.served = [];
    this.whole = this.troubles === 0;
  }

  /** Answers may not arrive, or the spool may refuse them, until `calm` is called as often. */
  disturb(): void {
    this.troubles += 1;
    this.whole = false;
  }

  calm(): void {
    this.troubles -= 1;
  }

  private answer(url: string, response: ServerResponse): void {
    response.shouldKeepAlive = false;
    const [, life, asked] = LIFE.exec(url) ?? [];
    const isKit = Number(life) === this.life;
    const path = asked ?? OTHER.exec(url)?.[1] ?? '';
    if (path.startsWith('/drones')) {
      if (isKit) this.turn();
      this.send(response, 'drones', this.current(['drone', 'aircraft']), isKit);
    } else if (path.startsWith('/signals')) {
      this.send(response, 'signals', this.current(['signal']), isKit);
    } else if (path.startsWith('/status')) {
      if (!this.keeping || this.status === null) this.status = this.observations.system();
      const { status } = this;
      this.deliver(response, status.json, [status], isKit);
    } else {
      response.writeHead(404).end();
    }
  }

  /** A new turn of the kit's: what the one before was served is in its hands. */
  private turn(): void {
    if (this.whole && this.troubles === 0) this.ledger.taken(this.served);
    this.served = [];
    this.whole = this.troubles === 0;
  }

  private current(kinds: readonly string[]): Observation[] {
    const now = Date.now();
    const found: Observation[] = [];
    for (const [key, { observation, untilMs }] of this.shown) {
      if (untilMs < now && !this.keeping) this.shown.delete(key);
      else if (kinds.includes(observation.kind)) found.push(observation);
    }
    return found;
  }

  private send(response: ServerResponse, key: string, list: readonly Observation[], isKit: boolean): void {
    this.deliver(response, `{"${key}": [${list.map(({ json }) => json).join(', ')}]}`, list, isKit);
  }

  private deliver(response: ServerResponse, body: string, list: readonly Observation[], isKit: boolean): void {
    this.ledger.offer(list);
    response.writeHead(200, { Server: 'BaseHTTP/0.6 Python/3.11.2', 'Content-Type': 'application/json' });
    response.end(body);
    const { life } = this;
    response.once('finish', () => {
      if (isKit && life === this.life) this.served.push(...list.map(({ id }) => id));
    });
  }
}
