// The kit's half of the ledger and how it is doing, as one object: published retained, and served to `dragonsink status`.
import { VERSION } from '../base/version.js';
import type { Kind } from '../schema/kinds.js';
import type { KitStatus } from '../schema/status.js';
import type { ClassCounts, Spool, SpoolCounts, StreamLedger } from '../spool/spool.js';
import { kindOf } from './classes.js';
import type { KitClock } from './clock.js';

export interface StatusInputs {
  readonly opening: string;
  readonly n: number;
  readonly kitId: string;
  readonly nowMs: number;
  readonly clock: Pick<KitClock, 'offsetS' | 'uncorrectedS' | 'uncorrectedEpochs' | 'waitsForS'>;
  readonly resent: number;
  readonly refused: number;
  readonly link: KitStatus['link'];
  readonly source: KitStatus['source'];
  readonly receivers?: KitStatus['receivers'];
}

/** Without the ledger, which takes a look-up for every stream there ever was. */
export type KitCondition = Pick<
  KitStatus,
  | 'v'
  | 'kit_id'
  | 'version'
  | 'time'
  | 'clock_offset_s'
  | 'uncorrected_offset_s'
  | 'uncorrected_epochs'
  | 'clock_waits_s'
  | 'opening'
  | 'n'
  | 'spool'
  | 'counts'
  | 'link'
  | 'source'
  | 'receivers'
>;

export function buildCondition(spool: Pick<Spool, 'counts'>, inputs: StatusInputs): KitCondition {
  const counts = spool.counts();
  return {
    v: 1,
    kit_id: inputs.kitId,
    version: VERSION,
    time: new Date(inputs.nowMs).toISOString(),
    ...clockOf(inputs.clock),
    opening: inputs.opening,
    n: inputs.n,
    ...spoolOf(counts),
    counts: { ...countsOf(counts), resent: inputs.resent, refused: inputs.refused },
    link: inputs.link,
    source: inputs.source,
    ...(inputs.receivers === undefined ? {} : { receivers: inputs.receivers }),
  };
}

function clockOf({ offsetS, uncorrectedS, uncorrectedEpochs, waitsForS }: StatusInputs['clock']) {
  return {
    clock_offset_s: offsetS,
    ...(uncorrectedS === 0 ? {} : { uncorrected_offset_s: uncorrectedS, uncorrected_epochs: [...uncorrectedEpochs] }),
    ...(waitsForS === 0 ? {} : { clock_waits_s: waitsForS }),
  };
}

export function ledgerOf(streams: readonly StreamLedger[]): KitStatus['ledger'] {
  return streams.map(({ class: c, evicted, quarantined, ...stream }) => ({
    ...stream,
    kind: kindOf(c),
    evicted: evicted.map(([a, b]) => [a, b]),
    quarantined: quarantined.map(([a, b]) => [a, b]),
  }));
}

export function spoolOf(counts: SpoolCounts): Pick<KitStatus, 'spool'> {
  const { classes, waiting, handedOver: handed_over, quarantined, bytes, oldestAtMs } = counts;
  const oldest_at = oldestAtMs === null ? null : new Date(oldestAtMs).toISOString();
  const waiting_by_kind = Object.fromEntries([...classes].map(([c, of]) => [kindOf(c), of.waiting]));
  return { spool: { waiting, waiting_by_kind, handed_over, quarantined, bytes, oldest_at } };
}

/** Over the whole life of the spool. */
export function countsOf({ classes }: SpoolCounts): {
  accepted: number;
  delivered: number;
  accepted_by_kind: Partial<Record<Kind, number>>;
  evicted: Partial<Record<Kind, number>>;
  evicted_handed_over: Partial<Record<Kind, number>>;
} {
  const list = [...classes];
  const byKind = (pick: (counts: ClassCounts) => number): Partial<Record<Kind, number>> =>
    Object.fromEntries(list.filter(([, counts]) => pick(counts) > 0).map(([c, counts]) => [kindOf(c), pick(counts)]));
  return {
    accepted: list.reduce((sum, [, { accepted }]) => sum + accepted, 0),
    delivered: list.reduce((sum, [, { delivered }]) => sum + delivered, 0),
    accepted_by_kind: byKind(({ accepted }) => accepted),
    evicted: byKind(({ evicted }) => evicted),
    evicted_handed_over: byKind(({ evictedHandedOver }) => evictedHandedOver),
  };
}
