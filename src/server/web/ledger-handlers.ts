// Handlers about what is accounted for, and what could not be stored.
import type { Ledger } from '../../schema/web/answers.js';
import { entryOf } from '../ledger-entries.js';
import { isTruncated } from '../rejects.js';
import { type Backend, storeOf } from './backend.js';
import type { Handlers } from './call.js';
import { attachment } from './downloads.js';
import { cursorOf, readCursor } from './time-range.js';

type Names = 'ledger' | 'ledgerJson' | 'rejects';

const SHOWN_BYTES = 2_048;

export function ledgerHandlers(backend: Backend): Handlers<Names> {
  const ledger = async (kit: string | undefined): Promise<Ledger> => {
    const { storeId, reads } = storeOf(backend);
    const entries = (await reads.ledger()).filter(({ kitId }) => kit === undefined || kitId === kit);
    return { store_id: storeId, entries: entries.map(entryOf) };
  };
  return {
    ledger: ({ query: { kit } }) => ledger(kit),
    ledgerJson: ({ query: { kit }, response }) => {
      attachment(response, 'ledger', 'json');
      return ledger(kit);
    },
    rejects: async ({ query: { kit, reason, limit, cursor } }) => {
      const { reads } = storeOf(backend);
      const of = { kitId: kit, reason };
      const [before = null] = readCursor(cursor, [0]) ?? [];
      const [found, counts] = await Promise.all([reads.rejects(of, limit + 1, before), reads.rejectCounts(of)]);
      const rejects = found.slice(0, limit);
      const last = found.length > limit ? rejects.at(-1) : undefined;
      return {
        counts: Object.fromEntries(counts),
        rejects: rejects.map(({ payload, ...reject }) => {
          const bytes = Buffer.from(payload);
          const shown = bytes.subarray(0, SHOWN_BYTES).toString();
          return { ...reject, bytes: bytes.length, truncated: isTruncated({ payload: bytes }), payload: shown };
        }),
        next: last === undefined ? null : cursorOf([last.id]),
      };
    },
  };
}
