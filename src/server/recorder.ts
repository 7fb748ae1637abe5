// What the parts of the server tell about their work, in plain values, for whoever counts it (web/metrics.ts).
import type { Batch, CommitResult } from './store.js';

export interface Recorder {
  /** A message was read, and waits for the database: every time it comes. */
  received(batch: Batch): void;
  /** Too many messages that come only once waited: this one is gone. */
  dropped(batch: Batch): void;
  /** Its kit had too many that wait: this one is not stored. */
  overQuota(batch: Batch): void;
  /** How many messages wait for the database. */
  waiting(messages: number): void;
  /** All of it is in the database. */
  committed(batch: Batch, result: CommitResult, seconds: number): void;
  commitFailed(): void;
  /** `why` is of the database that is down. */
  store(state: 'ok' | 'down', why?: string): void;
  /** Connected is who also has said hello; `why` is of one that is not. */
  broker(connected: boolean, why?: string): void;
  /** The broker had forgotten what it kept for us. */
  sessionLost(): void;
  /** Kits were told what is in the database. */
  acknowledged(): void;
}

/** Counts nothing. */
export const SILENT: Recorder = {
  received: () => {},
  dropped: () => {},
  overQuota: () => {},
  waiting: () => {},
  committed: () => {},
  commitFailed: () => {},
  store: () => {},
  broker: () => {},
  sessionLost: () => {},
  acknowledged: () => {},
};

/** Tells each in turn. */
export function all(...recorders: readonly Recorder[]): Recorder {
  const each = (tell: (recorder: Recorder) => void): void => {
    for (const recorder of recorders) tell(recorder);
  };
  return {
    received: (batch) => each((one) => one.received(batch)),
    dropped: (batch) => each((one) => one.dropped(batch)),
    overQuota: (batch) => each((one) => one.overQuota(batch)),
    waiting: (messages) => each((one) => one.waiting(messages)),
    committed: (batch, result, seconds) => each((one) => one.committed(batch, result, seconds)),
    commitFailed: () => each((one) => one.commitFailed()),
    store: (state, why) => each((one) => one.store(state, why)),
    broker: (connected, why) => each((one) => one.broker(connected, why)),
    sessionLost: () => each((one) => one.sessionLost()),
    acknowledged: () => each((one) => one.acknowledged()),
  };
}
