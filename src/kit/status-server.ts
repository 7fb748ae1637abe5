// The kit's status on loopback, for `dragonsink status` and for whoever watches the box; and its answers to the doctor.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Check } from '../base/check.js';
import { toError } from '../base/errors.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';

export interface StatusServerOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly status: () => unknown;
  /** What the kit finds out about its own connection. */
  readonly look: () => Promise<readonly Check[]>;
  readonly log: Logger;
}

export class StatusServer implements Part {
  readonly name = 'status server';
  private server: Server | null = null;

  constructor(private readonly options: StatusServerOptions) {}

  /** A port in use is a warning: a kit that hears drones matters more than one that tells of it. */
  async start(): Promise<void> {
    const { port, log } = this.options;
    const server = createServer((request, response) => {
      this.answer(request).then(([code, body]) => {
        response.writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-store' });
        response.end(JSON.stringify(body));
      });
    });
    await new Promise<void>((resolve) => {
      server.once('error', (error) => {
        log.warn({ port }, `no status on this port: ${error.message}; set [KIT] status_port to a free one`);
        resolve();
      });
      server.listen(port, '127.0.0.1', () => {
        server.on('error', (error) => log.warn({ port }, `status: ${error.message}`));
        this.server = server;
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

  private async answer({ method, url }: IncomingMessage): Promise<Answer> {
    const { status, look } = this.options;
    if (method === 'GET' && url === '/status') return answerWith(status);
    // Not a GET: it sends something to the broker.
    if (method === 'POST' && url === '/doctor') return answerWith(async () => ({ checks: await look() }));
    return [404, { error: 'only GET /status and POST /doctor are here' }];
  }
}

type Answer = readonly [code: number, body: unknown];

async function answerWith(work: () => unknown): Promise<Answer> {
  try {
    return [200, await work()];
  } catch (thrown: unknown) {
    return [503, { error: toError(thrown).message }];
  }
}
