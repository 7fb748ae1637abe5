// Handlers about the server itself: sessions, its health, the live stream, and the description of all this.
import { VERSION } from '../../base/version.js';
import type { Session } from '../../schema/web/answers.js';
import { openApi } from '../../schema/web/openapi.js';
import type { Visitor } from './access.js';
import type { Backend } from './backend.js';
import type { Handlers } from './call.js';
import { HttpError } from './http-error.js';
import { frameOf } from './live/event-hub.js';
import { sideOf } from './live/live-feed.js';

type Names = 'session' | 'login' | 'logout' | 'health' | 'events' | 'openapi';

export function serverHandlers(backend: Backend): Handlers<Names> {
  const { serverId, store, health, access, hub, feed, tiles } = backend;
  const orNull = (text: string): string | null => (text === '' ? null : text);
  const sessionOf = ({ role, session }: Visitor): Session => ({
    role,
    csrf: session?.csrf ?? null,
    can_login: access.canLogIn,
    server_id: serverId,
    version: VERSION,
    tile_url: orNull(tiles.url),
    tile_attribution: orNull(tiles.attribution),
  });

  return {
    session: ({ visitor }) => sessionOf(visitor),
    login: async ({ body: { token }, request, response }) => {
      const { visitor, cookie } = await access.logIn(request, token);
      response.setHeader('set-cookie', cookie);
      return sessionOf(visitor);
    },
    logout: ({ request, response }) => {
      response.setHeader('set-cookie', access.logOut(request));
      return sessionOf(access.withoutLogin(request));
    },
    health: async () => {
      const { ready, broker, database } = await health.check();
      return {
        version: VERSION,
        server_id: serverId,
        store_id: store()?.storeId ?? null,
        time: new Date().toISOString(),
        uptime_s: Math.round(process.uptime()),
        ready,
        broker: sideOf(broker),
        database: sideOf(database),
        waiting_messages: feed.waitingMessages,
        dropped_messages: feed.droppedMessages,
        pages: hub.size,
        rates: { received_per_s: feed.receivedRate.perSecond, stored_per_s: feed.storedRate.perSecond },
      };
    },
    events: ({ query: { after }, request, response }) => {
      if (request.method === 'HEAD') throw new HttpError('method', 'only GET here');
      const lastId = request.headers['last-event-id'];
      const { broker, database } = health.now();
      const hello = frameOf('server', { broker: sideOf(broker), database: sideOf(database) });
      if (hub.isFull) throw new HttpError('busy', 'too many pages are open');
      // As it comes, and not in chunks with a length each.
      response.useChunkedEncodingByDefault = false;
      response.writeHead(200, { 'content-type': 'text/event-stream', connection: 'close', 'x-accel-buffering': 'no' });
      hub.add(response, typeof lastId === 'string' ? lastId : after, [hello]);
      return undefined;
    },
    openapi: ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify(openApi(VERSION))}\n`);
      return undefined;
    },
  };
}
