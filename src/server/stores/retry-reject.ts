// The second try of a reject, inside the transaction that deletes it: its place in the ledger is given back first, so
// that the commit of the row is like any other.
import { Ranges } from '../../schema/ranges.js';
import type { StoredOutcome, StoredReject } from '../rejects.js';
import type { Observation } from '../store.js';
import { commitBatch } from './commit.js';
import type { Transaction } from './transaction.js';

/** `remove` deletes the reject; false when it is not there. Null then. */
export async function storeRetried(
  tx: Transaction,
  remove: () => Promise<boolean>,
  reject: StoredReject,
  observations: readonly Observation[],
  nowUs: number,
): Promise<StoredOutcome | null> {
  // The kits before the reject, as whoever else takes both does.
  const kitIds = new Set(observations.map(({ kitId }) => kitId));
  await tx.lockKits([...kitIds].sort());
  if (!(await remove())) return null;
  let lastContactUs = nowUs;
  for (const observation of observations) {
    if (isItself(reject, observation)) lastContactUs = await giveBack(tx, observation, nowUs);
  }
  const late = observations.map((observation) => ({ ...observation, replay: true as const }));
  const batch = { observations: late, rejects: [], contacts: [], reports: [] };
  // Whoever tries again is no contact of the kit: its last one stays.
  const { counts } = await commitBatch(tx, batch, lastContactUs, false);
  const all = Object.values(counts);
  if (all.some(({ stored }) => stored > 0)) return 'stored';
  return all.some(({ merged }) => merged > 0) ? 'merged' : 'duplicate';
}

function isItself({ kitId, kind, identity }: StoredReject, observation: Observation): boolean {
  return (
    identity !== null &&
    kitId === observation.kitId &&
    kind === observation.kind &&
    identity.epoch === observation.identity?.epoch &&
    identity.seq === observation.identity.seq
  );
}

/** Returns when the kit last sent anything of that stream. */
async function giveBack(tx: Transaction, { kitId, kind, identity }: Observation, nowUs: number): Promise<number> {
  if (identity === null) return nowUs;
  const { epoch, seq } = identity;
  const [ledger] = await tx.ledgers([{ kitId, epoch, kind }]);
  if (ledger === undefined) return nowUs;
  const { floor: _, ...row } = ledger;
  const received = new Ranges(row.received);
  if (!received.has(seq)) return row.lastContactUs;
  const others = [...received.within(1, seq - 1), ...received.within(seq + 1, Number.MAX_SAFE_INTEGER)];
  await tx.putLedgers([{ ...row, received: others, rejected: Math.max(0, row.rejected - 1) }]);
  return row.lastContactUs;
}
