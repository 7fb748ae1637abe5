// The server seen from outside: whether it lives, whether it can do its work, and its numbers.
import { createServer, type Server } from 'node:http';
import { toError } from '../../base/errors.js';
import type { Part } from '../../base/lifecycle.js';
import type { Logger } from '../../base/log.js';
import { VERSION } from '../../base/version.js';
import type { Health } from './health.js';
import type { Metrics } from './metrics.js';

export interface WebServerOptions {
  readonly host: string;
  readonly port: number;
  readonly health: Pick<Health, 'check'>;
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>;
  readonly log: Logger;
}

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

/** Whoever watches asks every few seconds; nobody needs more connections. */
const MAX_CONNECTIONS = 64;

export class WebServer implements Part {
  readonly name = 'web server';
  private server: Server | null = null;

  constructor(private readonly options: WebServerOptions) {}

  /** A port in use is a warning: a server that stores detections matters more than one that tells of it. */
  async start(): Promise<void> {
    const { host, port, log } = this.options;
    const server = createServer(async (request, response) => {
      const { code, type, body } = await this.answer(request.method ?? '', request.url ?? '');
      response.writeHead(code, { 'content-type': type, 'cache-control': 'no-store' });
      response.end(body); // without it in the answer to a HEAD: node leaves it out
    });
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve) => {
      server.once('error', (error) => {
        const hint = 'set HTTP_HOST and HTTP_PORT to a free address, or HTTP_PORT=0 for none';
        log.warn({ host, port, hint }, `no /healthz, /readyz and /metrics: ${error.message}`);
        resolve();
      });
      server.listen(port, host, () => {
        server.on('error', (error) => log.warn({ host, port }, `web server: ${error.message}`));
        this.server = server;
        log.info({ host, port }, 'serving /healthz, /readyz and /metrics');
        resolve();
      });
    });
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server === null) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  private async answer(method: string, url: string): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return json(405, { error: 'only GET and HEAD are answered' });
    const [path] = url.split('?');
    try {
      switch (path) {
        // That it comes at all is the answer: the loop turns.
        case '/healthz':
          return json(200, { status: 'ok', version: VERSION, uptime_s: Math.round(process.uptime()) });
        case '/readyz':
          return await this.readiness();
        case '/metrics':
          return { code: 200, type: this.options.metrics.contentType, body: await this.options.metrics.text() };
        default:
          return json(404, { error: 'only /healthz, /readyz and /metrics are here' });
      }
    } catch (thrown: unknown) {
      return json(500, { error: toError(thrown).message });
    }
  }

  private async readiness(): Promise<Answer> {
    const readiness = await this.options.health.check();
    return json(readiness.ready ? 200 : 503, readiness);
  }
}

function json(code: number, body: object): Answer {
  return { code, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}
