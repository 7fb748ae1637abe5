// What the handlers of the HTTP API work on.
import type { Reads } from '../reads.js';
import type { Store } from '../store.js';
import type { Access } from './access.js';
import type { Health } from './health.js';
import { HttpError } from './http-error.js';
import type { KitBoard } from './kit-board.js';
import type { EventHub } from './live/event-hub.js';
import type { KitSinks } from './live/kit-sinks.js';
import type { LiveFeed } from './live/live-feed.js';

export interface Backend {
  readonly serverId: string;
  /** Null until the database could be opened. */
  readonly store: () => Store | null;
  readonly health: Pick<Health, 'check' | 'now'>;
  readonly access: Access;
  readonly hub: EventHub;
  readonly feed: LiveFeed;
  readonly sinks: KitSinks;
  readonly board: KitBoard;
  /** A map of somebody else's; '' for none. */
  readonly tiles: { readonly url: string; readonly attribution: string };
}

/** @throws HttpError `database` */
export function storeOf({ store }: Backend): Store {
  const opened = store();
  if (opened === null) throw new HttpError('database', 'the database is not open yet', 'see /readyz for why');
  return opened;
}

/** @throws HttpError `database` */
export function readsOf(backend: Backend): Reads {
  return storeOf(backend).reads;
}
