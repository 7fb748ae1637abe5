// The kit's status on loopback, for `dragonsink status` and for whoever watches the box.
import { createServer, type Server } from 'node:http';
import { toError } from '../base/errors.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';

export interface StatusServerOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly status: () => unknown;
  readonly log: Logger;
}

export class StatusServer implements Part {
  readonly name = 'status server';
  private server: Server | null = null;

  constructor(private readonly options: StatusServerOptions) {}

  /** A port in use is a warning: a kit that hears drones matters more than one that tells of it. */
  async start(): Promise<void> {
    const { port, status, log } = this.options;
    const server = createServer((request, response) => {
      const [code, body] = answer(request.method === 'GET' && request.url === '/status' ? status : null);
      response.writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(JSON.stringify(body));
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
}

function answer(status: (() => unknown) | null): [code: number, body: unknown] {
  if (status === null) return [404, { error: 'only GET /status is here' }];
  try {
    return [200, status()];
  } catch (thrown: unknown) {
    return [503, { error: toError(thrown).message }];
  }
}
