// The same observation, sent more than once: which of its copies is the state that its row shows.
import type { Kind } from '../../schema/kinds.js';
import type { Identity, Observation } from '../store.js';
import type { FoldKey, KeyRow, NaturalKey } from './transaction.js';

/** One observation as it will be after the batch. */
export interface State {
  readonly key: NaturalKey;
  /** As the database has it; null for a new one. */
  readonly stored: KeyRow | null;
  /** The time of its row: the first copy's, and it stays. */
  readonly timeUs: number;
  /** The copy in this batch that wins; null while the stored state does. */
  winner: Observation | null;
  identity: Identity | null;
}

export type ChangedState = State & { readonly winner: Observation };

export function isFold(observation: Observation): observation is Observation & FoldKey {
  return observation.foldWithinUs !== undefined;
}

export class States {
  private readonly byKey = new Map<string, State>();
  private readonly byThing = new Map<string, State[]>();

  constructor(stored: readonly KeyRow[]) {
    for (const row of stored) {
      if (this.byKey.has(naturalKey(row))) continue;
      this.put({ key: row, stored: row, timeUs: row.timeUs, winner: null, identity: row.identity });
    }
  }

  /** Takes one copy in, and says whether it is the first of its observation. */
  take(observation: Observation): 'stored' | 'merged' {
    const known = this.find(observation);
    if (known === undefined) {
      const { kitId, kind, thing, keyUs, timeUs, identity } = observation;
      this.put({ key: { kitId, kind, thing, keyUs }, stored: null, timeUs, winner: observation, identity });
      return 'stored';
    }
    if (wins(observation.identity, known.identity)) {
      known.winner = observation;
      known.identity = observation.identity;
    }
    return 'merged';
  }

  /** Those whose row has to be written. */
  changed(): ChangedState[] {
    return [...this.byKey.values()].filter((state): state is ChangedState => state.winner !== null);
  }

  private put(state: State): void {
    this.byKey.set(naturalKey(state.key), state);
    const thing = thingKey(state.key);
    const others = this.byThing.get(thing);
    if (others === undefined) this.byThing.set(thing, [state]);
    else others.push(state);
  }

  private find(observation: Observation): State | undefined {
    const same = this.byKey.get(naturalKey(observation));
    if (same !== undefined || !isFold(observation)) return same;
    const { keyUs, foldWithinUs } = observation;
    let latest: State | undefined;
    for (const state of this.byThing.get(thingKey(observation)) ?? []) {
      const ageUs = keyUs - state.key.keyUs;
      if (ageUs < 0 || ageUs > foldWithinUs) continue;
      if (latest === undefined || state.key.keyUs > latest.key.keyUs) latest = state;
    }
    return latest;
  }
}

/** The later (epoch, seq) wins, whichever came first; a copy without identity only over another without. */
function wins(challenger: Identity | null, holder: Identity | null): boolean {
  if (holder === null) return true;
  if (challenger === null) return false;
  // Epochs begin with their spool's counter in fixed width, so that they are ordered as text.
  if (challenger.epoch !== holder.epoch) return challenger.epoch > holder.epoch;
  return challenger.seq >= holder.seq;
}

/** Lengths first: things and kit ids are text from outside, and may hold any separator. */
function thingKey({ kitId, kind, thing }: { kitId: string; kind: Kind; thing: string }): string {
  return `${kind} ${kitId.length} ${kitId}${thing}`;
}

function naturalKey(key: NaturalKey): string {
  return `${key.keyUs} ${thingKey(key)}`;
}
