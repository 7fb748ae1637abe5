// What the benchmarks send: the drones of the recording, cycled with unique ids.
import type { JsonObject } from '../../src/base/json.js';
import { noveltyOf, toMessage } from '../../src/dragonsync/normalise.js';
import type { NewRow } from '../../src/spool/spool.js';
import { recordedAnswers } from '../fixtures/recordings.js';

export function droneRows(count: number): NewRow[] {
  const entries = recordedAnswers('main', '/drones')
    .flatMap(({ drones }) => drones as JsonObject[])
    .filter(({ track_type }) => track_type === 'drone');
  return Array.from({ length: count }, (_, i) => {
    const entry = { ...entries[i % entries.length], id: `drone-${i}` };
    return { class: 0, ...noveltyOf('drone', entry), body: JSON.stringify(toMessage('drone', entry)) };
  });
}
