// Takes a batch apart for a database that refuses something in it, down to the one part that it is, and says what is
// stored in its place.
import { bytesOf } from './decode.js';
import { MAX_KEPT_BYTES } from './rejects.js';
import type { Batch, KitReport, Observation, Reject } from './store.js';

const NOTHING: Batch = { observations: [], rejects: [], contacts: [], reports: [] };

/** How many parts it can be taken into. */
export function sizeOf({ observations, rejects, contacts, reports }: Batch): number {
  return observations.length + rejects.length + contacts.length + reports.length;
}

/** Two halves, to be committed in this order: what kits report counts after all of their messages. */
export function cut(batch: Batch): [Batch, Batch] {
  const { observations, rejects, contacts, reports } = batch;
  let left = sizeOf(batch) >>> 1;
  const halves = <T>(parts: readonly T[]): [T[], T[]] => {
    const taken = Math.min(left, parts.length);
    left -= taken;
    return [parts.slice(0, taken), parts.slice(taken)];
  };
  const [o, r, c, s] = [halves(observations), halves(rejects), halves(contacts), halves(reports)];
  return [
    { observations: o[0], rejects: r[0], contacts: c[0], reports: s[0] },
    { observations: o[1], rejects: r[1], contacts: c[1], reports: s[1] },
  ];
}

/** For a batch of one part: something simpler to store, at last nothing. */
export function replacementOf({ observations, rejects, reports }: Batch, error: Error): Batch {
  const [observation] = observations;
  if (observation !== undefined) return { ...NOTHING, rejects: [observationAsReject(observation, error)] };
  const [report] = reports;
  if (report !== undefined) return { ...NOTHING, rejects: [reportAsReject(report, error)] };
  const [reject] = rejects;
  // Without its kit and number it is not acknowledged, but it is there to be seen.
  if (reject !== undefined && reject.kitId !== null)
    return { ...NOTHING, rejects: [{ ...reject, kitId: null, kind: null, identity: null }] };
  return NOTHING;
}

function observationAsReject(observation: Observation, error: Error): Reject {
  const { kitId, kind, identity, timeUs, source } = observation;
  const known = { kitId, kind, identity };
  if (source === undefined) {
    const shown = { time_us: timeUs, ...observation.columns, extra: observation.extra };
    return { ...asReject(shown, error), ...known };
  }
  const { topic, original, receivedUs } = source;
  return {
    ...asReject({}, error),
    ...known,
    topic,
    receivedUs,
    payload: bytesOf(original).subarray(0, MAX_KEPT_BYTES),
  };
}

function reportAsReject(report: KitReport, error: Error): Reject {
  return { ...asReject(report, error), kitId: report.kitId };
}

function asReject(shown: object, error: Error): Reject {
  return {
    receivedUs: Date.now() * 1_000,
    topic: '',
    kitId: null,
    kind: null,
    identity: null,
    reason: 'database',
    detail: error.message,
    payload: Buffer.from(JSON.stringify(shown)).subarray(0, MAX_KEPT_BYTES),
  };
}
