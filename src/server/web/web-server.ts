// The server seen from outside: whether it lives, whether it can do its work, its numbers, and the page where there is one.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { toError } from '../../base/errors.js';
import type { Part } from '../../base/lifecycle.js';
import type { Logger } from '../../base/log.js';
import { VERSION } from '../../base/version.js';
import type { Health } from './health.js';
import { MAX_PAGES } from './live/event-hub.js';
import type { Metrics } from './metrics.js';
import type { Site } from './site.js';

export interface WebServerOptions {
  readonly host: string;
  readonly port: number;
  readonly health: Pick<Health, 'check'>;
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>;
  /** Null serves neither a page nor its HTTP API. */
  readonly site?: Pick<Site, 'answer' | 'mayMeasure' | 'stop'> | null;
  readonly log: Logger;
}

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

/** Whoever watches asks every few seconds; a page holds one for its events, and some more while it reads. */
const MAX_CONNECTIONS = 64;
const MAX_SITE_CONNECTIONS = 2 * MAX_PAGES;
/** How long a request may take to come, of which the longest are 16 KB: its head, and all of it. */
const PATIENCE = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000 };

export class WebServer implements Part {
  readonly name = 'web server';
  private server: Server | null = null;

  constructor(private readonly options: WebServerOptions) {}

  /** A port in use is a warning: a server that stores detections matters more than one that tells of it. */
  async start(): Promise<void> {
    const { host, port, log } = this.options;
    const server = createServer(PATIENCE, (request, response) => {
      this.serve(request, response).catch((thrown: unknown) => {
        log.error(`web server: ${toError(thrown).message}`);
        response.destroy();
      });
    });
    server.maxConnections = this.options.site ? MAX_SITE_CONNECTIONS : MAX_CONNECTIONS;
    await new Promise<void>((resolve) => {
      server.once('error', (error) => {
        const hint = 'set HTTP_HOST and HTTP_PORT to a free address, or HTTP_PORT=0 for none';
        log.warn({ host, port, hint }, `no page, /healthz, /readyz and /metrics: ${error.message}`);
        resolve();
      });
      server.listen(port, host, () => {
        server.on('error', (error) => log.warn({ host, port }, `web server: ${error.message}`));
        this.server = server;
        log.info({ host, port }, 'serving the page, /healthz, /readyz and /metrics');
        resolve();
      });
    });
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server === null) return;
    this.options.site?.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = ''] = (request.url ?? '').split('?');
    const answer = await this.answer(path, request);
    if (answer === null && (await this.options.site?.answer(request, response))) return;
    const { code, type, body } = answer ?? json(404, { error: 'there is nothing here' });
    response.writeHead(code, { 'content-type': type, 'cache-control': 'no-store' });
    response.end(body); // without it in the answer to a HEAD: node leaves it out
  }

  /** Null when it is none of ours. */
  private async answer(path: string, request: IncomingMessage): Promise<Answer | null> {
    const { metrics, site } = this.options;
    if (!OURS.has(path)) return null;
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return json(405, { error: 'only GET and HEAD are answered' });
    try {
      switch (path) {
        // That it comes at all is the answer: the loop turns.
        case '/healthz':
          return json(200, { status: 'ok', version: VERSION, uptime_s: Math.round(process.uptime()) });
        case '/readyz':
          return await this.readiness();
        default:
          if (site && !(await site.mayMeasure(request)))
            return json(401, { error: 'send Authorization: Bearer TOKEN' });
          return { code: 200, type: metrics.contentType, body: await metrics.text() };
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

const OURS = new Set(['/healthz', '/readyz', '/metrics']);

function json(code: number, body: object): Answer {
  return { code, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}
