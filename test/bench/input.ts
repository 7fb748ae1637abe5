// What the benchmarks send: the recording, cycled with unique ids.
import type { JsonObject } from '../../src/base/json.js';
import { noveltyOf, toMessage } from '../../src/dragonsync/normalise.js';
import { seal } from '../../src/schema/envelope.js';
import { type Kind, perKind } from '../../src/schema/kinds.js';
import { DEFAULT_TOPICS, historyTopic } from '../../src/schema/topics.js';
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

export interface HistoryMessage {
  readonly topic: string;
  readonly payload: string;
}

/** Drones, aircraft and signals as recorded, in the recording's proportion, each heard once by one of the kits. */
export function* historyMessages(count: number, kits: number): Generator<HistoryMessage> {
  const heard = recordedAnswers('main', '/drones').flatMap(({ drones }) => drones as JsonObject[]);
  const signals = recordedAnswers('main', '/signals').flatMap(({ signals: list }) => list as JsonObject[]);
  const entries = [...heard, ...signals].map((entry) => ({ entry, kind: kindOf(entry) }));
  const next = Array.from({ length: kits }, () => perKind(() => 0));
  const startedS = Date.now() / 1_000 - count / 1_000;
  for (let i = 0; i < count; i += 1) {
    const { entry, kind } = entries[i % entries.length] ?? { entry: {}, kind: 'drone' };
    const kit = i % kits;
    const seqs = next[kit] ?? perKind(() => 0);
    seqs[kind] += 1;
    const time = startedS + i / 1_000;
    const own =
      kind === 'aircraft' ? { icao: i.toString(16).padStart(6, '0') } : { id: `drone-${i}`, uid: `signal-${i}` };
    const message = toMessage(kind, { ...entry, ...own, observed_at: time, last_update_time: time });
    const sink = { v: 1, epoch: '00000001abcdef01', seq: seqs[kind] } as const;
    const payload = seal(JSON.stringify(message), `wardragon-BENCH${kit}`, sink);
    yield { topic: historyTopic(DEFAULT_TOPICS, kind, ''), payload };
  }
}

function kindOf({ track_type, icao }: JsonObject): Kind {
  if (track_type === 'aircraft' || icao !== undefined) return 'aircraft';
  return track_type === undefined ? 'signal' : 'drone';
}
