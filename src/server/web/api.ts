// The HTTP API: from a request to its handler, and from what that gives, or throws, to the answer.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { toError } from '../../base/errors.js';
import type { Logger } from '../../base/log.js';
import type { OperationName } from '../../schema/web/operations.js';
import type { Backend } from './backend.js';
import type { Handlers } from './call.js';
import { downloadHandlers } from './downloads.js';
import { bodyOf, HttpError, toHttpError } from './http-error.js';
import { kitHandlers } from './kit-handlers.js';
import { ledgerHandlers } from './ledger-handlers.js';
import { readInput } from './request.js';
import { route } from './router.js';
import { serverHandlers } from './server-handlers.js';
import { trackHandlers } from './track-handlers.js';
import { endWhenStalled } from './write-out.js';

/** Requests under way, each of which may wait for the database. */
const MAX_AT_ONCE = 64;

export class Api {
  private readonly handlers: Handlers<OperationName>;
  private underWay = 0;

  constructor(
    private readonly backend: Backend,
    private readonly log: Logger,
  ) {
    this.handlers = {
      ...serverHandlers(backend),
      ...kitHandlers(backend),
      ...trackHandlers(backend),
      ...ledgerHandlers(backend),
      ...downloadHandlers(backend),
    };
  }

  /** Answers in any case. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('cache-control', 'no-store');
    try {
      await this.handle(request, response);
    } catch (thrown: unknown) {
      this.refuse(response, thrown);
    }
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { access } = this.backend;
    const [path = '', search = ''] = (request.url ?? '').split(/\?(.*)/s);
    const { name, operation, kitId } = route(request.method ?? '', path);
    const visitor = await access.identify(request);
    access.admit(visitor, operation.access, request);
    const { query, body } = await readInput(operation, request, search);
    // Whoever takes long to say what they want holds back nobody.
    if (this.underWay >= MAX_AT_ONCE) throw new HttpError('busy', 'too much is asked at once: again in a moment');
    // By its name an operation's input is of the types that its handler takes: the table of operations ties them.
    const handler: (call: never) => unknown = this.handlers[name];
    this.underWay += 1;
    try {
      const answer = await handler({ query, body, kitId, visitor, request, response } as never);
      if (answer !== undefined) send(response, operation.status ?? 200, answer);
    } finally {
      this.underWay -= 1;
    }
  }

  private refuse(response: ServerResponse, thrown: unknown): void {
    const error = toHttpError(thrown);
    const { message, stack } = toError(thrown);
    if (error.code === 'internal' && !response.destroyed) this.log.error({ stack }, `web: ${message}`);
    // What has begun can only be broken off.
    if (response.headersSent) response.destroy();
    else {
      response.removeHeader('content-disposition');
      for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
      send(response, error.status, bodyOf(error));
    }
  }
}

function send(response: ServerResponse, status: number, answer: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(answer)}\n`);
  endWhenStalled(response);
}
