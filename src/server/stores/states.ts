// The same observation, sent more than once: which of its copies is the state that its row shows.
import type { Kind } from '../../schema/kinds.js';
import type { Identity, Observation } from '../store.js';
import type { FoldKey, KeyRow, NaturalKey } from './transaction.js';

/** One observation as it will be after the batch. */
export interface State {
  readonly key: NaturalKey;
  /** As the database has it; null for a new one. */
  readonly stored: KeyRow | null;
  /** The name that it shares with its copy with, or without, a time. */
  readonly twin: string | null;
  /** The time of its row: the first copy's, and it stays. */
  readonly timeUs: number;
  /** The copy in this batch that wins; null while the stored state does. */
  winner: Observation | null;
  identity: Identity | null;
  /** A copy in this batch came as it happened, whether it wins or not. */
  isLive: boolean;
}

export type ChangedState = State & { readonly winner: Observation };

export function isFold(observation: Observation): observation is Observation & FoldKey {
  return observation.foldWithinUs !== undefined;
}

export class States {
  private readonly byKey = new Map<string, State>();
  private readonly byThing = new Map<string, State[]>();
  private readonly byTwin = new Map<string, State[]>();

  constructor(stored: readonly KeyRow[]) {
    for (const row of stored) {
      if (this.byKey.has(naturalKey(row))) continue;
      const { twin, timeUs, identity } = row;
      this.put({ key: row, stored: row, twin, timeUs, winner: null, identity, isLive: false });
    }
  }

  /** Takes one copy in, and says whether it is the first of its observation. */
  take(observation: Observation): 'stored' | 'merged' {
    const same = this.byKey.get(naturalKey(observation));
    const known = same ?? this.before(observation) ?? this.twinOf(observation);
    const isLive = observation.replay !== true;
    if (known === undefined) {
      const { kitId, kind, thing, keyUs, timeUs, identity, twin } = observation;
      const key = { kitId, kind, thing, keyUs };
      this.put({ key, stored: null, twin: twin?.name ?? null, timeUs, winner: observation, identity, isLive });
      return 'stored';
    }
    known.isLive ||= isLive;
    // Found by its content it says nothing new, unless it is the kit's own record.
    const isNews = same !== undefined || observation.identity !== null;
    if (isNews && wins(observation.identity, known.identity)) {
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
    add(this.byThing, thingKey(state.key), state);
    if (state.twin !== null) add(this.byTwin, twinKey(state.key.kitId, state.twin), state);
  }

  private before(observation: Observation): State | undefined {
    if (!isFold(observation)) return undefined;
    const { keyUs, foldWithinUs } = observation;
    let latest: State | undefined;
    for (const state of this.byThing.get(thingKey(observation)) ?? []) {
      const ageUs = keyUs - state.key.keyUs;
      if (ageUs < 0 || ageUs > foldWithinUs) continue;
      if (latest === undefined || state.key.keyUs > latest.key.keyUs) latest = state;
    }
    return latest;
  }

  private twinOf(observation: Observation): State | undefined {
    const { keyUs, twin, identity } = observation;
    if (twin === undefined) return undefined;
    let nearest: State | undefined;
    let nearestUs = twin.withinUs;
    for (const state of this.byTwin.get(twinKey(observation.kitId, twin.name)) ?? []) {
      // One with a time and one without: two with are two observations, though they say the same.
      if (isFold(observation) !== (state.key.thing === twin.thing)) continue;
      // And one without a time stands for one of the kit's own records, not for several.
      if (identity !== null && state.identity !== null) continue;
      const distanceUs = Math.abs(keyUs - state.key.keyUs);
      if (distanceUs <= nearestUs) [nearest, nearestUs] = [state, distanceUs];
    }
    return nearest;
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

function add(map: Map<string, State[]>, key: string, state: State): void {
  const others = map.get(key);
  if (others === undefined) map.set(key, [state]);
  else others.push(state);
}

/** Lengths first: things and kit ids are text from outside, and may hold any separator. */
function thingKey({ kitId, kind, thing }: { kitId: string; kind: Kind; thing: string }): string {
  return `${kind} ${kitId.length} ${kitId}${thing}`;
}

function naturalKey(key: NaturalKey): string {
  return `${key.keyUs} ${thingKey(key)}`;
}

function twinKey(kitId: string, twin: string): string {
  return `${kitId.length} ${kitId}${twin}`;
}
