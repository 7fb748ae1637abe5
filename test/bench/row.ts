// One benchmark, and the rows that it makes: ours and the yardstick in turns, medians of five.
import { Cleanup } from '../faults/cleanup.js';

export interface Sample {
  /** Of ours, and of the yardstick right beside it, in the row's unit. */
  readonly ours: number;
  /** Null where there is none. */
  readonly yardstick: number | null;
}

export interface Run {
  /** One for each of the bench's rows. */
  readonly samples: readonly Sample[];
  /** What whoever makes or counts the messages took of the processor meanwhile, in seconds; left out where that is ours too. */
  readonly generatorCpuS?: number;
  readonly note?: string;
}

/** Over all runs; NaN where there is no yardstick. */
export interface Medians {
  readonly value: number;
  readonly yardstick: number;
  readonly ratio: number;
}

export interface RowSpec {
  readonly name: string;
  readonly unit: string;
  /** The design's ("What it must reach"), with the yardstick's name; `NO_TARGET` where it has none. */
  readonly target: string;
  reaches(medians: Medians): boolean;
  /** Where it goes when the target is missed. */
  readonly reason: string;
}

export interface Bench {
  readonly rows: readonly RowSpec[];
  /** Five, unless one takes minutes. */
  readonly runs?: number;
  /** What a run is, where it is not a whole one. */
  readonly runsAre?: string;
  /** False where a first run is as good as the next. */
  readonly warmsUp?: false;
  run(): Promise<Run>;
}

/** Whatever it starts is ended by `cleanup`, also when a run fails. */
export type MakeBench = (cleanup: Cleanup) => Promise<Bench>;

/** As `--json` has it: exactly this. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** In the row's unit. */
  readonly yardstick: number | null;
  readonly ratio: number | null;
  readonly target: string;
  readonly ok: boolean;
  readonly reason?: string;
}

/** A row, and what only the table says of it. */
export interface Result {
  readonly row: Row;
  /** The least and the greatest: of the ratio, or of the value where there is no yardstick. */
  readonly spread: readonly [number, number];
  readonly runs: string;
  readonly generatorCpuS: number | null;
  /** Of the last run. */
  readonly note: string | null;
}

const RUNS = 5;
const NO_TARGET = { target: 'none', reaches: () => true, reason: '' } as const;

/** At least so many times the yardstick, which has that name. */
export function atLeast(times: number, yardstick: string): Pick<RowSpec, 'target' | 'reaches'> {
  return { target: `at least ${times} x ${yardstick}`, reaches: ({ ratio }) => ratio >= times };
}

/** Measured for its own sake. */
export function untargeted(name: string, unit: string): RowSpec {
  return { name, unit, ...NO_TARGET };
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Each run is given to `keep` as soon as it is over. */
export async function measure(make: MakeBench, keep: (run: Run) => void): Promise<Result[]> {
  const cleanup = new Cleanup();
  try {
    const bench = await make(cleanup);
    if (bench.warmsUp !== false) await bench.run();
    const runs: Run[] = [];
    for (let i = 0; i < (bench.runs ?? RUNS); i += 1) {
      const run = await bench.run();
      keep(run);
      runs.push(run);
    }
    return resultsOf(bench, runs);
  } finally {
    await cleanup.run();
  }
}

export function resultsOf({ rows, runsAre }: Pick<Bench, 'rows' | 'runsAre'>, runs: readonly Run[]): Result[] {
  const cpu = runs.flatMap(({ generatorCpuS }) => generatorCpuS ?? []);
  const common = {
    runs: `${runs.length}${runsAre === undefined ? '' : ` ${runsAre}`}`,
    generatorCpuS: cpu.length === 0 ? null : significant(median(cpu)),
    note: runs.at(-1)?.note ?? null,
  };
  return rows.map((spec, i) => {
    const samples = runs.flatMap(({ samples: all }) => all[i] ?? []);
    const values = samples.map(({ ours }) => ours);
    const yardsticks = samples.map(({ yardstick }) => yardstick ?? Number.NaN);
    const ratios = values.map((value, at) => value / (yardsticks[at] ?? Number.NaN));
    const medians = { value: median(values), yardstick: median(yardsticks), ratio: median(ratios) };
    const told = Number.isNaN(medians.ratio) ? values : ratios;
    return {
      row: rowOf(spec, medians),
      spread: [significant(Math.min(...told)), significant(Math.max(...told))] as const,
      ...common,
    };
  });
}

function rowOf({ name, unit, target, reaches, reason }: RowSpec, medians: Medians): Row {
  const ok = reaches(medians);
  const orNull = (value: number): number | null => (Number.isNaN(value) ? null : significant(value));
  return {
    name,
    value: significant(medians.value),
    unit,
    yardstick: orNull(medians.yardstick),
    ratio: orNull(medians.ratio),
    target,
    ok,
    ...(ok ? {} : { reason }),
  };
}

/** Three digits say all that a noisy machine knows. */
export function significant(value: number): number {
  return Number(value.toPrecision(3));
}
