// Handlers about kits: how they are, and what an operator does with them.
import { errorCode, SourceError, toError } from '../../base/errors.js';
import { DragonSyncApi } from '../../dragonsync/api-client.js';
import { isKitId } from '../../schema/kit-id.js';
import type { ConnectionTest, Kit } from '../../schema/web/answers.js';
import { API_URL_HINT, readApiUrl } from '../kit-api-url.js';
import { removeAlone, removeWithData } from '../kit-removal.js';
import { type Backend, readsOf, storeOf } from './backend.js';
import type { Handlers } from './call.js';
import { HttpError } from './http-error.js';
import { DAY_US, rangeOf } from './time-range.js';

type Names = 'kits' | 'kit' | 'kitHealth' | 'addKit' | 'testKit' | 'changeKit' | 'removeKit';

/** On the kit itself a budget of its own (DragonSync counts requests by address), beside that of the poller. */
const LOCAL_ADDRESS = '127.0.0.90';

export function kitHandlers(backend: Backend): Handlers<Names> {
  const { board, hub, feed, sinks, health } = backend;
  const kitOf = async (kitId: string): Promise<Kit> => {
    const kit = await board.find(readsOf(backend), kitId);
    if (kit === null) throw noSuchKit(kitId);
    return kit;
  };
  /** A change is seen by whoever made it, and told to everybody else. */
  const changed = (kitId: string): Promise<Kit> => {
    board.expire();
    feed.kitChanged(kitId);
    return kitOf(kitId);
  };

  return {
    kits: async () => {
      const event_id = hub.mark();
      const { database } = health.now();
      const reads = database.ok ? backend.store()?.reads : database.problem;
      return { ...(await board.list(reads ?? 'not open yet')), event_id };
    },
    kit: ({ kitId }) => kitOf(kitId),
    kitHealth: async ({ kitId, query: { limit, placed, ...asked } }) => {
      const range = rangeOf(asked, DAY_US, Date.now() * 1_000);
      const rows = await readsOf(backend).health(kitId, range, limit, placed === 'true');
      const everyS = Math.round((range.toUs - range.fromUs) / 1e6 / Math.max(1, rows.length));
      return {
        kit_id: kitId,
        points: rows.map(({ kit_id: _, ...point }) => point),
        step_s: rows.length * 2 > limit ? everyS : null,
      };
    },
    addKit: async ({ body: { kit_id: kitId, api_url, name, location } }) => {
      await storeOf(backend).kits.put({
        kitId,
        apiUrl: urlOf(api_url),
        name: name ?? null,
        location: location || null,
      });
      return changed(kitId);
    },
    testKit: ({ body: { api_url } }) => test(urlOf(api_url)),
    changeKit: async ({ kitId, body: { name, location, enabled } }) => {
      const { kits } = storeOf(backend);
      const done = [
        name === undefined || (await kits.rename(kitId, name)),
        location === undefined || (await kits.locate(kitId, location || null)),
        enabled === undefined || (await kits.setEnabled(kitId, enabled)),
      ];
      if (done.includes(false)) throw noSuchKit(kitId);
      return changed(kitId);
    },
    removeKit: async ({ kitId, query: { data } }) => {
      const { kits } = storeOf(backend);
      await kitOf(kitId);
      const removed = data === 'true' ? await removeWithData(kits, kitId) : await removeAlone(kits, kitId);
      sinks.forget(kitId);
      board.expire();
      feed.kitChanged(kitId);
      return { kit_id: kitId, removed };
    },
  };
}

function noSuchKit(kitId: string): HttpError {
  return new HttpError('missing', `${kitId}: no such kit`, 'see /api/kits for those that there are');
}

function urlOf(text: string): string {
  const url = readApiUrl(text);
  if (url === null) throw new HttpError('body', 'api_url: not the URL of a DragonSync API', API_URL_HINT);
  return url;
}

/** Asks once. What is wrong is the answer. */
async function test(apiUrl: string): Promise<ConnectionTest> {
  const beganMs = performance.now();
  const done = (answer: Omit<ConnectionTest, 'took_ms'>): ConnectionTest => {
    return { ...answer, took_ms: Math.round(performance.now() - beganMs) };
  };
  try {
    const status = await new DragonSyncApi({ baseUrl: apiUrl, localAddress: LOCAL_ADDRESS }).status();
    const uid = status?.['uid'];
    if (isKitId(uid)) return done({ ok: true, kit_id: uid, message: `${uid} answers`, hint: null });
    const hint = 'wait a minute, and test again: it learns its name from the kit';
    return done({ ok: false, kit_id: null, message: 'DragonSync answers, and does not know its kit yet', hint });
  } catch (thrown: unknown) {
    if (!(thrown instanceof SourceError)) throw thrown;
    return done({ ok: false, kit_id: null, message: toError(thrown).message, hint: hintOf(thrown) });
  }
}

/** The client speaks to whoever sits at the kit; here somebody else asks. */
function hintOf(error: SourceError): string | null {
  const code = errorCode(error);
  if (code === 'refused') return 'is DragonSync running there, with its API on an address that others reach?';
  if (code === 'garbage') return "is that address really DragonSync's?";
  return error.hint ?? null;
}
