// From an observation that was committed to what a page is told of it: the same as a row read from the database.
import { isoMicros } from '../../../schema/time.js';
import type { Item } from '../../../schema/web/events.js';
import {
  HEALTH_COLUMNS,
  type KitHealth,
  SIGNAL_COLUMNS,
  type Signal,
  TRACK_COLUMNS,
  type TrackState,
} from '../../../schema/web/shapes.js';
import type { Observation } from '../../store.js';

export function itemOf(observation: Observation): Item {
  const { kind, kitId, replay } = observation;
  const late = replay === true;
  switch (kind) {
    case 'drone':
    case 'aircraft': {
      const id = String(observation.columns['drone_id'] ?? nameOf(observation));
      return { kind, id, state: rowOf<TrackState>(observation, TRACK_COLUMNS), late };
    }
    case 'signal': {
      const signal = { ...rowOf<Signal>(observation, SIGNAL_COLUMNS), uid: nameOf(observation) };
      return { kind, signal, late };
    }
    case 'system':
      return { kind, kit_id: kitId, health: rowOf<KitHealth>(observation, HEALTH_COLUMNS), late };
  }
}

/** What folds by its content has a digest behind its name (server/times.ts). */
function nameOf({ thing, foldWithinUs }: Observation): string {
  return foldWithinUs === undefined ? thing : thing.slice(0, thing.lastIndexOf('#'));
}

/** `columns` are those of the type, as its schema has them. */
function rowOf<Row>({ kitId, timeUs, columns: given, extra }: Observation, columns: readonly string[]): Row {
  const row: Record<string, unknown> = { time: isoMicros(timeUs), kit_id: kitId };
  for (const column of columns) row[column] = given[column] ?? null;
  if ('extra' in row && Object.keys(extra).length > 0) row['extra'] = extra;
  return row as Row;
}
