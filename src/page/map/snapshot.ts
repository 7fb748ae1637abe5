// What was heard in a time range, as far as one answer has it: drones asked for by themselves, so that busy aircraft do not
// push the one drone out.

import type { SignalList, Track } from '../../schema/web/answers.js';
import type { Api } from '../api.js';

/** Of each kind. */
const LIMIT = 500;

export interface Snapshot {
  readonly tracks: readonly Track[];
  readonly signals: SignalList['signals'];
  /** What is not all there, in words; '' when it is. */
  readonly cut: string;
}

/** @param path points of each track, at most. @throws ApiError */
export async function readSnapshot(
  api: Pick<Api, 'tracks' | 'signals'>,
  range: { readonly from: number; readonly to?: number },
  path: number,
  signal?: AbortSignal,
): Promise<Snapshot> {
  const [drones, aircraft, signals] = await Promise.all([
    api.tracks({ ...range, kind: 'drone', path, limit: LIMIT }, signal),
    api.tracks({ ...range, kind: 'aircraft', path, limit: LIMIT }, signal),
    api.signals({ ...range, limit: LIMIT }, signal),
  ]);
  const cut = [
    ...(drones.next === null ? [] : ['drones']),
    ...(aircraft.next === null ? [] : ['aircraft']),
    ...(signals.next === null ? [] : ['signals']),
  ];
  return {
    tracks: [...drones.tracks, ...aircraft.tracks],
    signals: signals.signals,
    cut: cut.length === 0 ? '' : `More was heard than is shown: of ${cut.join(' and ')} the ${LIMIT} latest are shown.`,
  };
}
