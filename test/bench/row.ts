// One benchmark, and the row that it makes: ours and the yardstick in turns, medians of five.

export interface Sample {
  /** Of ours, and of the yardstick right after it: in the row's unit. */
  readonly ours: number;
  readonly yardstick: number;
  readonly note?: string;
}

export interface Bench {
  readonly name: string;
  readonly unit: string;
  readonly yardstick: string;
  readonly target: string;
  /** Whether these medians reach the target (design: "What it must reach"). */
  reaches(medians: Sample): boolean;
  /** Where the time goes when the target is missed. */
  readonly reason?: string;
  /** Five, unless one takes minutes. */
  readonly runs?: number;
  run(): Promise<Sample>;
  end(): Promise<void>;
}

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly yardstick: string;
  readonly ratio: number;
  /** The least and the greatest ratio. */
  readonly spread: readonly [number, number];
  readonly target: string;
  readonly ok: boolean;
  readonly reason?: string;
  readonly samples: readonly Sample[];
}

const RUNS = 5;

/** At least so many times the yardstick. */
export function atLeast(ratio: number): Pick<Bench, 'target' | 'reaches'> {
  return { target: `at least ${ratio} x`, reaches: ({ ours, yardstick }) => ours / yardstick >= ratio };
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

export async function measure(bench: Bench): Promise<Row> {
  const samples: Sample[] = [];
  try {
    const { runs = RUNS } = bench;
    if (runs > 1) await bench.run(); // warms both up
    for (let i = 0; i < runs; i += 1) samples.push(await bench.run());
  } finally {
    await bench.end();
  }
  const medians = {
    ours: median(samples.map(({ ours }) => ours)),
    yardstick: median(samples.map(({ yardstick }) => yardstick)),
  };
  const ratios = samples.map(({ ours, yardstick }) => ours / yardstick);
  const ok = bench.reaches(medians);
  return {
    name: bench.name,
    value: significant(medians.ours),
    unit: bench.unit,
    yardstick: `${bench.yardstick}: ${significant(medians.yardstick)}`,
    ratio: significant(median(ratios)),
    spread: [significant(Math.min(...ratios)), significant(Math.max(...ratios))],
    target: bench.target,
    ok,
    ...(ok || bench.reason === undefined ? {} : { reason: bench.reason }),
    samples,
  };
}

/** Three digits say all that a noisy machine knows. */
export function significant(value: number): number {
  return Number(value.toPrecision(3));
}
