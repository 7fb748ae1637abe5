// What browsers get beside /healthz, /readyz and /metrics: the page and its HTTP API, from the parts that they are made of.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../base/log.js';
import type { Recorder } from '../recorder.js';
import type { Store } from '../store.js';
import { Access, type AccessOptions } from './access.js';
import { Api } from './api.js';
import type { Health } from './health.js';
import { KitBoard } from './kit-board.js';
import { EventHub } from './live/event-hub.js';
import { KitSinks } from './live/kit-sinks.js';
import { LiveFeed, sideOf } from './live/live-feed.js';
import { PageFiles } from './page-files.js';
import { securityHeaders } from './security-headers.js';
import { endWhenStalled } from './write-out.js';

export interface SiteOptions {
  readonly serverId: string;
  readonly access: AccessOptions;
  readonly health: Health;
  readonly tiles: { readonly url: string; readonly attribution: string };
  /** Where the built page lies; it may be missing. */
  readonly pageFolder: string;
  readonly log: Logger;
}

const NO_PAGE = 'The page was not built: run npm run build. What it is made of is at /api/openapi.json.\n';

export class Site {
  /** Is to be told what the server's parts do. */
  readonly recorder: Recorder;
  private readonly hub = new EventHub();
  private readonly feed: LiveFeed;
  private readonly access: Access;
  private readonly api: Api;
  private readonly page: PageFiles;
  private readonly secure: (response: ServerResponse) => void;
  private store: Store | null = null;
  /** As pages know it. */
  private told = '';

  constructor(private readonly options: SiteOptions) {
    const { serverId, health, tiles, pageFolder, log } = options;
    const sinks = new KitSinks();
    this.access = new Access(options.access);
    this.feed = new LiveFeed(this.hub, sinks, () => this.tellOfServer());
    this.recorder = this.feed;
    this.page = new PageFiles(pageFolder);
    this.secure = securityHeaders(tiles.url);
    const board = new KitBoard(sinks);
    const store = (): Store | null => this.store;
    const { access, hub, feed } = this;
    this.api = new Api({ serverId, store, health, access, hub, feed, sinks, board, tiles }, log);
  }

  /** The database is open. */
  opened(store: Store): void {
    this.store = store;
  }

  /** Whether the server's numbers are shown to who asks. */
  async mayMeasure(request: IncomingMessage): Promise<boolean> {
    try {
      return (await this.access.identify(request)).role !== 'none';
    } catch {
      return false;
    }
  }

  /** False when there is no such path. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    this.secure(response);
    const [path = ''] = (request.url ?? '').split('?');
    if (path.startsWith('/api/')) {
      await this.api.answer(request, response);
      return true;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    if (path === '/favicon.ico') {
      response.writeHead(204).end();
      return true;
    }
    if (path === '/' && !this.page.isThere) {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end(NO_PAGE);
      return true;
    }
    endWhenStalled(response);
    return this.page.serve(path, request, response);
  }

  stop(): void {
    this.feed.stop();
    this.hub.close();
  }

  private tellOfServer(): void {
    const { broker, database } = this.options.health.now();
    const sides = { broker: sideOf(broker), database: sideOf(database) };
    const text = JSON.stringify(sides);
    if (text === this.told) return;
    this.told = text;
    this.hub.publish('server', sides);
  }
}
