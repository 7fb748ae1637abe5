// DragonSync's HTTP API as it really is (DragonSync api_server.py): Python's http.server with a connection per request,
// bare NaN in its JSON, 503 before the first status, and 429 from the 101st request of an address within 60 seconds.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** What it shows; `status` is null before the kit's health was heard. */
export interface ApiContent {
  drones(): object[];
  signals(): object[];
  status(): object | null;
}

export interface SimulatedDragonSyncOptions {
  readonly world: ApiContent;
  /** 0 takes a free one. */
  readonly port?: number;
  readonly host?: string;
}

const MAX_REQUESTS = 100;
const WINDOW_MS = 60_000;

export class SimulatedDragonSync {
  requests = 0;
  refused = 0;
  private readonly answeredAt = new Map<string, number[]>();
  private server: Server | null = null;

  constructor(private readonly options: SimulatedDragonSyncOptions) {}

  /** Resolves to its URL. */
  async start(): Promise<string> {
    const { port = 0, host = '127.0.0.1' } = this.options;
    const server = createServer((request, response) => this.answer(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    this.server = server;
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('no address');
    return `http://${host}:${address.port}`;
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve) ?? resolve(null));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    response.shouldKeepAlive = false;
    this.requests += 1;
    if (this.isTooMany(request.socket.remoteAddress ?? '')) {
      this.refused += 1;
      response.writeHead(429, { 'Retry-After': '60' });
      response.end();
      return;
    }
    const [status, body] = this.content(request.url ?? '/');
    response.writeHead(status, { Server: 'BaseHTTP/0.6 Python/3.11.2', 'Content-Type': 'application/json' });
    response.end(pythonJson(body));
  }

  /** A sliding window per client address; a refused request does not lengthen it. */
  private isTooMany(address: string): boolean {
    const now = performance.now();
    const recent = (this.answeredAt.get(address) ?? []).filter((at) => at > now - WINDOW_MS);
    const tooMany = recent.length >= MAX_REQUESTS;
    if (!tooMany) recent.push(now);
    this.answeredAt.set(address, recent);
    return tooMany;
  }

  /** Paths match by their beginning, as upstream's do. */
  private content(path: string): [status: number, body: unknown] {
    const { world } = this.options;
    if (path.startsWith('/drones')) return [200, { drones: world.drones() }];
    if (path.startsWith('/signals')) return [200, { signals: world.signals() }];
    if (path.startsWith('/status')) {
      const status = world.status();
      return status === null ? [503, { error: 'system status unavailable' }] : [200, status];
    }
    if (path.startsWith('/config')) return [200, { api: { enabled: true }, mqtt: { enabled: false } }];
    if (path.startsWith('/update/check')) return [200, { ok: true, update_available: false }];
    return [404, { error: 'not found' }];
  }
}

/** As Python's json.dumps writes it: NaN and Infinity are bare words. */
export function pythonJson(value: unknown): string {
  if (typeof value === 'number') return pythonNumber(value);
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const fields = Object.entries(value).map(([key, field]) => `${JSON.stringify(key)}: ${pythonJson(field)}`);
  return `{${fields.join(', ')}}`;
}

function pythonNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return JSON.stringify(value);
}
