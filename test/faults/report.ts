// What a person reads in the end: the table, what failed and how to repeat it, and what this machine could not inject.
import { Ranges } from '../../src/schema/ranges.js';
import type { Fault } from './fault.js';
import type { RunResult } from './one-run.js';

export interface FaultSummary {
  readonly fault: string;
  readonly what: string;
  readonly runs: number;
  readonly injections: number;
  readonly accepted: number;
  readonly stored: number;
  readonly destroyed: number;
  readonly lost: number;
  readonly doubled: number;
  readonly evicted: number;
  readonly resent: number;
  readonly violations: number;
  readonly seeds: string;
}

export interface LeftOut {
  readonly fault: string;
  readonly why: string;
}

/** One line per fault that ran. */
export function summarise(faults: readonly Fault[], results: readonly RunResult[]): FaultSummary[] {
  return faults.flatMap(({ id, what }) => {
    const runs = results.filter(({ fault }) => fault === id);
    if (runs.length === 0) return [];
    const total = (pick: (run: RunResult) => number): number => runs.reduce((sum, run) => sum + pick(run), 0);
    return {
      fault: id,
      what,
      runs: runs.length,
      injections: total(({ injections }) => injections),
      accepted: total(({ accepted }) => accepted),
      stored: total(({ stored }) => stored),
      destroyed: total(({ destroyed }) => destroyed),
      lost: total(({ lost }) => lost),
      doubled: total(({ doubled }) => doubled),
      evicted: total(({ evicted }) => evicted),
      resent: total(({ resent }) => resent),
      violations: total(({ violations }) => violations.length),
      seeds: shown(runs.map(({ seed }) => seed)),
    };
  });
}

function shown(seeds: readonly number[]): string {
  const ranges = new Ranges(seeds.map((seed) => [seed, seed])).toJSON();
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(' ');
}

const COLUMNS = [
  'fault',
  'what',
  'runs',
  'injections',
  'accepted',
  'stored',
  'destroyed',
  'lost',
  'doubled',
  'evicted',
  'resent',
  'violations',
  'seeds',
] as const satisfies readonly (keyof FaultSummary)[];
const TEXTS: ReadonlySet<string> = new Set(['fault', 'what', 'seeds']);

/** As Markdown, so that it can be put where people read it. */
export function table(summaries: readonly FaultSummary[]): string {
  const rows = summaries.map((summary) => COLUMNS.map((column) => String(summary[column])));
  const widths = COLUMNS.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, i) => {
      const width = widths[i] ?? 0;
      return TEXTS.has(COLUMNS[i] ?? '') ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${padded.join(' | ')} |`;
  };
  const rule = COLUMNS.map((column, i) => {
    const width = widths[i] ?? 0;
    return TEXTS.has(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`;
  });
  return `${[line(COLUMNS), line(rule), ...rows.map(line)].join('\n')}\n`;
}

export function describeRun(result: RunResult): string {
  const { fault, seed, seconds, injections, accepted, violations, notes, command, kept } = result;
  const head = `${fault} seed ${seed}: ${violations.length === 0 ? 'ok' : 'FAILED'}`;
  const line = `${head}, ${injections} injections, ${accepted} accepted, ${seconds.toFixed(1)} s`;
  const said = notes.length === 0 ? '' : ` (${notes.join('; ')})`;
  if (violations.length === 0) return `${line}${said}\n`;
  const why = violations.map((violation) => `  ${violation}\n`).join('');
  return `${line}${said}\n${why}  repeat: ${command}\n  kept: ${kept ?? 'nothing'}\n`;
}

export function describeLeftOut(leftOut: readonly LeftOut[]): string {
  if (leftOut.length === 0) return 'every fault was injected\n';
  const lines = leftOut.map(({ fault, why }) => `  ${fault}: ${why}\n`).join('');
  return `NOT INJECTED HERE: ${leftOut.length} faults\n${lines}`;
}
