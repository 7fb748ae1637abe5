// The contract of what is kept of messages that could not become rows (stores/sqlite-rejects.ts,
// stores/postgres-rejects.ts), and the second try of one of them. Commits add to them (stores/commit.ts).
import { AppError, toError } from '../base/errors.js';
import { isObject, parseJson } from '../base/json.js';
import { withClockOffset } from '../schema/clock-offset.js';
import type { Decoder } from './decode.js';
import type { Batch, Observation, Reject } from './store.js';

/** Of each, so many bytes. */
export const MAX_KEPT_BYTES = 16_384;

export interface StoredReject extends Omit<Reject, 'kept'> {
  /** Rises with each, and is never given again. */
  readonly id: number;
}

export interface RejectFilter {
  readonly kitId?: string | undefined;
  readonly reason?: string | undefined;
}

export type StoredOutcome = 'stored' | 'merged' | 'duplicate';

export interface Rejects {
  /** The newest, newest first. */
  newest(filter: RejectFilter, limit: number): Promise<StoredReject[]>;
  /** In the order in which they came, those after `id`. */
  after(id: number, filter: RejectFilter, limit: number): Promise<StoredReject[]>;
  find(id: number): Promise<StoredReject | null>;
  /** How many there are, by reason. */
  counts(filter: RejectFilter): Promise<Map<string, number>>;

  /**
   * Stores what a reject was read as, by the rule of every commit, and deletes the reject in the same transaction. Its
   * own identity is in the ledger since it was rejected, and does not make it a resend. Null when the reject is no
   * longer there: somebody else has stored it, or it was pruned.
   *
   * @throws StoreError as `Store.commit` does; then nothing has changed.
   */
  store(reject: StoredReject, observations: readonly Observation[]): Promise<StoredOutcome | null>;
  /** By so many seconds this kit's clock was behind in that epoch, as it last said; null when it never did. */
  clockOffsetS(kitId: string, epoch: string): Promise<number | null>;
  /** Puts why it still can't be stored. */
  explain(id: number, reason: string, detail: string): Promise<void>;
}

export interface Retried {
  readonly id: number;
  readonly outcome: StoredOutcome | 'gone' | 'failed' | 'truncated';
  /** Of what is still there. */
  readonly reason?: string;
  readonly detail?: string;
}

/** Decodes it with today's decoder, and a time that can't be with the kit's clock put right; what can be stored now is. */
export async function retry(
  rejects: Rejects,
  decoder: Pick<Decoder, 'decode'>,
  reject: StoredReject,
  nowUs: number,
): Promise<Retried> {
  const { id, topic, payload, receivedUs, reason } = reject;
  if (isTruncated(reject)) {
    return { id, outcome: 'truncated', reason, detail: `only the first ${MAX_KEPT_BYTES} bytes were kept` };
  }
  const asItCame = decoder.decode({ topic, payload, receivedUs, nowUs });
  const {
    observations,
    rejects: again,
    reports,
  } = (await withClockPutRight(rejects, decoder, reject, nowUs, asItCame)) ?? asItCame;
  const [refused] = again;
  if (refused !== undefined) return failed(rejects, id, refused.reason, refused.detail);
  if (observations.length === 0) return { id, outcome: 'failed', reason, detail: whyNothing(topic, reports.length) };
  try {
    return { id, outcome: (await rejects.store(reject, observations)) ?? 'gone' };
  } catch (thrown: unknown) {
    if (!(thrown instanceof AppError && thrown.code === 'data')) throw thrown;
    return failed(rejects, id, 'database', toError(thrown).message);
  }
}

/** Null when its time is not why it was refused, or nothing better is known. */
async function withClockPutRight(
  rejects: Rejects,
  decoder: Pick<Decoder, 'decode'>,
  { topic, payload, receivedUs }: StoredReject,
  nowUs: number,
  { rejects: [refused] }: Batch,
): Promise<Batch | null> {
  if (refused?.reason !== 'time' || refused.kitId === null || refused.identity === null) return null;
  const offsetS = await rejects.clockOffsetS(refused.kitId, refused.identity.epoch);
  const message = offsetS === null ? null : parseJson(payload.toString());
  const corrected = isObject(message) ? withClockOffset(message, offsetS ?? 0) : null;
  if (corrected === null) return null;
  const { sink } = corrected.message;
  // Its kit has put it right already.
  if (isObject(sink) && sink['observed_raw'] !== undefined) return null;
  const text = JSON.stringify({
    ...corrected.message,
    ...(isObject(sink) ? { sink: { ...sink, observed_raw: corrected.observedRaw } } : {}),
  });
  const batch = decoder.decode({ topic, payload: Buffer.from(text), receivedUs, nowUs });
  return batch.rejects.length === 0 ? batch : null;
}

/** A whole one may be just as long; it is told by its end. */
export function isTruncated({ payload }: Pick<Reject, 'payload'>): boolean {
  if (payload.length < MAX_KEPT_BYTES) return false;
  try {
    JSON.parse(payload.toString());
    return false;
  } catch {
    return true;
  }
}

async function failed(rejects: Rejects, id: number, reason: string, detail: string): Promise<Retried> {
  await rejects.explain(id, reason, detail);
  return { id, outcome: 'failed', reason, detail };
}

function whyNothing(topic: string, reports: number): string {
  if (reports > 0) return "a kit's status: its next one says the same anew";
  if (/^https?:/.test(topic)) return "an answer of a kit's API: it is asked again, and its next one is stored";
  if (topic === '') return 'it came from a file, without a topic: ingest the file again';
  return `${topic} is no topic of detections or of health in these settings`;
}
