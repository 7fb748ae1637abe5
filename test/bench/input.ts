// What the benchmarks send: the recording, cycled with unique ids.
import type { JsonObject } from '../../src/base/json.js';
import { noveltyOf, toMessage } from '../../src/dragonsync/normalise.js';
import { classOf } from '../../src/kit/classes.js';
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
  readonly kind: Kind;
  readonly topic: string;
  readonly payload: string;
}

/** Drones, aircraft and signals as recorded, in the recording's proportion, each heard once, a millisecond apart. */
function* heard(count: number): Generator<{ kind: Kind; entry: JsonObject }> {
  const tracks = recordedAnswers('main', '/drones').flatMap(({ drones }) => drones as JsonObject[]);
  const signals = recordedAnswers('main', '/signals').flatMap(({ signals: list }) => list as JsonObject[]);
  const entries = [...tracks, ...signals].map((entry) => ({ entry, kind: kindOf(entry) }));
  const startedS = Date.now() / 1_000 - count / 1_000;
  for (let i = 0; i < count; i += 1) {
    const { entry, kind } = entries[i % entries.length] ?? { entry: {}, kind: 'drone' };
    const time = startedS + i / 1_000;
    const own =
      kind === 'aircraft' ? { hex: i.toString(16).padStart(6, '0') } : { id: `drone-${i}`, uid: `signal-${i}` };
    yield { kind, entry: { ...entry, ...own, observed_at: time, last_update_time: time } };
  }
}

/** As kits send them, each by one of them in turn. */
export function* historyMessages(count: number, kits: number): Generator<HistoryMessage> {
  const next = Array.from({ length: kits }, () => perKind(() => 0));
  let kit = 0;
  for (const { kind, entry } of heard(count)) {
    kit = (kit + 1) % kits;
    const seqs = next[kit] ?? perKind(() => 0);
    seqs[kind] += 1;
    const sink = { v: 1, epoch: '00000001abcdef01', seq: seqs[kind] } as const;
    const payload = seal(JSON.stringify(toMessage(kind, entry)), `wardragon-BENCH${kit}`, sink);
    yield { kind, topic: historyTopic(DEFAULT_TOPICS, kind, ''), payload };
  }
}

/** As a kit spools them. */
export function* historyRows(count: number): Generator<NewRow> {
  for (const { kind, entry } of heard(count)) {
    yield { class: classOf(kind), ...noveltyOf(kind, entry), body: JSON.stringify(toMessage(kind, entry)) };
  }
}

function kindOf({ track_type, icao }: JsonObject): Kind {
  if (track_type === 'aircraft' || icao !== undefined) return 'aircraft';
  return track_type === undefined ? 'signal' : 'drone';
}
