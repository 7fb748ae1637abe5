// The benchmarks: each figure a ratio against a yardstick measured in the same run, A B A B, medians of five. A missed
// target is a row with `ok: false`; it fails nothing, because machines are noisy and this is no test.
import { cpus, totalmem } from 'node:os';
import { BYTES } from './bytes.js';
import { measureDrain } from './drain.js';
import { measureIntake } from './intake.js';
import { measurePublish } from './publish.js';

export interface Sample {
  /** Of ours, and of the yardstick right after it: in the row's unit. */
  readonly ours: number;
  readonly yardstick: number;
}

export interface Bench {
  readonly name: string;
  readonly unit: string;
  readonly yardstick: string;
  /** The least ratio (design: "What it must reach"). */
  readonly target: number;
  /** The less the better, the ratio is the yardstick's to ours; and the same each time: it is counted once. */
  readonly isCount?: true;
  run(): Promise<Sample>;
  end(): Promise<void>;
}

const RUNS = 5;

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function measure(bench: Bench): Promise<Record<string, unknown>> {
  const samples: Sample[] = [];
  if (bench.isCount !== true) await bench.run(); // warms both up
  for (let i = 0; i < (bench.isCount === true ? 1 : RUNS); i += 1) samples.push(await bench.run());
  await bench.end();
  const ratios = samples.map(({ ours, yardstick }) => (bench.isCount === true ? yardstick / ours : ours / yardstick));
  const ratio = median(ratios);
  return {
    name: bench.name,
    value: Math.round(median(samples.map(({ ours }) => ours))),
    unit: bench.unit,
    yardstick: `${bench.yardstick}: ${Math.round(median(samples.map(({ yardstick }) => yardstick)))}`,
    ratio: Number(ratio.toFixed(2)),
    spread: `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
    target: bench.target,
    ok: ratio >= bench.target,
  };
}

const rows: Record<string, unknown>[] = [];
for (const make of [measureIntake, measurePublish, measureDrain, ...BYTES]) {
  const row = await measure(await make());
  rows.push(row);
  process.stderr.write(`${row['name']}: ${row['value']} ${row['unit']}; ${row['yardstick']}; `);
  process.stderr.write(
    `ratio ${row['ratio']} (${row['spread']}), at least ${row['target']}: ${row['ok'] ? 'ok' : 'MISSED'}\n`,
  );
}
const machine = {
  cpus: cpus().length,
  model: cpus()[0]?.model,
  memory_gib: Math.round(totalmem() / 2 ** 30),
  node: process.version,
};
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ rows, machine })}\n`);
else process.stderr.write(`on ${JSON.stringify(machine)}\n`);
