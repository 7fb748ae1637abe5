// A kit's state as a person reads it: on one screen of 80 x 24, whatever the ids in it are.
import { printable } from '../base/printable.js';
import { CLOCK_TOLERANCE_S } from '../schema/clock-offset.js';
import { KINDS, type Kind } from '../schema/kinds.js';
import type { Receivers } from '../schema/receivers.js';
import type { KitStatus } from '../schema/status.js';
import type { StatusReport } from './status.js';
import { fit, wrap } from './terminal.js';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const LABEL_WIDTH = 11;

/** At most so many lines, none of them wider; what is wrong comes last, and has what room is left. */
export function statusScreen(report: StatusReport, problems: readonly string[], { columns, rows }: Size): string[] {
  const facts = factsOf(report)
    .map(([label, text]) => fit(`${label.padEnd(LABEL_WIDTH)}${printable(text)}`, columns))
    .slice(0, rows);
  return [...facts, ...problemLines(problems, columns, rows - facts.length)];
}

function problemLines(problems: readonly string[], columns: number, rows: number): string[] {
  const indent = ' '.repeat(LABEL_WIDTH);
  const blocks = problems.map((problem) =>
    wrap(printable(problem), columns - LABEL_WIDTH).map((line, i) => {
      return `${i === 0 ? 'problem'.padEnd(LABEL_WIDTH) : indent}${line}`;
    }),
  );
  const all = blocks.flat();
  if (all.length <= rows) return all;
  // A problem is shown whole or not at all, or one could take it for another.
  const shown: string[] = [];
  let left = blocks.length;
  for (const block of blocks) {
    if (shown.length + block.length >= rows) break;
    shown.push(...block);
    left -= 1;
  }
  return rows <= 0 ? [] : [...shown, fit(`${indent}and ${left} more: dragonsink doctor, or status --json`, columns)];
}

function factsOf(report: StatusReport): [label: string, text: string][] {
  const { spool, counts } = report;
  const since = spool.oldest_at === null ? '' : `, the oldest since ${spool.oldest_at}`;
  const facts: [string, string][] = [
    ['kit', report.kit_id || '(not known yet)'],
    ['dragonsink', report.running ? `${report.version}, running` : 'not running'],
    ['accepted', String(counts.accepted)],
    ['delivered', String(counts.delivered)],
    ['waiting', `${spool.waiting}${since}`],
  ];
  if (spool.waiting > 0 && spool.waiting_by_kind !== undefined) facts.push(['', byKind(spool.waiting_by_kind)]);
  if (spool.handed_over > 0) facts.push(['handed over', ` ${spool.handed_over} to the broker, kept for a server`]);
  facts.push(['evicted', byKind(counts.evicted)]);
  if ((spool.quarantined ?? 0) > 0) facts.push(['set aside', `${spool.quarantined} in quarantine`]);
  facts.push(['spool', `${(spool.bytes / 1e6).toFixed(1)} MB`]);
  return report.running ? [...facts, ...runningFacts(report)] : facts;
}

const INSECURE: [label: string, text: string] = [
  'warning',
  'the certificate of the broker is not checked (mqtt_tls_insecure)',
];

type ClockFacts = Pick<KitStatus, 'clock_offset_s' | 'clock_waits_s'>;

/** What is within the tolerance is how GPS time comes. */
function clockFacts({ clock_offset_s: offsetS, clock_waits_s }: ClockFacts): [label: string, text: string][] {
  if (clock_waits_s !== undefined) {
    const most = `${Math.ceil(clock_waits_s / 60)} min at most`;
    return [['clock', `nobody says whether it is right: what is heard waits for GPS time or NTP, ${most}`]];
  }
  if (offsetS === null || Math.abs(offsetS) < CLOCK_TOLERANCE_S) return [];
  return [
    [
      'clock',
      `${Math.abs(offsetS).toFixed(0)} s ${offsetS > 0 ? 'behind' : 'ahead of'} GPS time: corrected when it is sent`,
    ],
  ];
}

function runningFacts(status: KitStatus): [label: string, text: string][] {
  const { counts, link, source, receivers = {} } = status;
  const served = link.served === true ? ', a server is there' : '';
  const wire = typeof link.wire === 'string' ? `, as ${link.wire}` : '';
  return [
    ['resent', String(counts.resent)],
    ['refused', String(counts.refused)],
    ['link', `${link.connected ? 'connected' : 'not connected'}, ${link.reconnects} reconnects${wire}${served}`],
    ['delivery', `${link.delivery ?? '-'}${typeof link.store_id === 'string' ? `, to database ${link.store_id}` : ''}`],
    ['DragonSync', source.state],
    ...receiverFacts(receivers),
    ...clockFacts(status),
    ...(link.tls_insecure === true ? [INSECURE] : []),
  ];
}

/** Those that are in use. */
function receiverFacts(receivers: Receivers): [label: string, text: string][] {
  const used = Object.entries(receivers).filter(([, { enabled }]) => enabled);
  return used.length === 0 ? [] : [['receivers', used.map(([name, { state }]) => `${name} ${state}`).join(', ')]];
}

function byKind(counts: Partial<Record<Kind, number>>): string {
  const some = KINDS.filter((kind) => (counts[kind] ?? 0) > 0).map((kind) => `${counts[kind]} ${kind}`);
  return some.length === 0 ? '0' : some.join(', ');
}
