// The benchmarks: each figure beside a yardstick measured in the same run, A B A B, medians. A missed target is a row with
// `ok: false`; it fails nothing, because machines are noisy and this is no test.
//
// npm run bench [-- [--json] [--only TEXT]]
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { measureIngest, measureIngestMemory } from './ingest.js';
import { measureIntake } from './intake.js';
import { measureKitMemory } from './kit-memory.js';
import { measureKitRows } from './kit-rows.js';
import { measurePublish } from './publish.js';
import { type Bench, measure, type Row } from './row.js';

const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  intake: measureIntake,
  publish: measurePublish,
  ingest: measureIngest,
  'kit-rows': measureKitRows,
  'kit-memory': measureKitMemory,
  'ingest-memory': measureIngestMemory,
};

function machine(): Record<string, unknown> {
  return {
    cpus: cpus().length,
    model: cpus()[0]?.model,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
}

/** A line of the README's table. */
function line({ name, value, unit, yardstick, ratio, spread, target, ok }: Row): string {
  const cells = [name, `${value} ${unit}`, yardstick, `${ratio} (${spread.join(' to ')})`, target, ok ? 'yes' : 'no'];
  return `| ${cells.join(' | ')} |\n`;
}

const { values } = parseArgs({ options: { json: { type: 'boolean' }, only: { type: 'string' } } });
const out = values.json === true ? process.stderr : process.stdout;
out.write('| what | here | yardstick | ratio (spread) | target | reached |\n|---|---|---|---|---|---|\n');
const rows: Row[] = [];
for (const [name, make] of Object.entries(BENCHES)) {
  if (values.only !== undefined && !name.includes(values.only)) continue;
  const row = await measure(await make());
  rows.push(row);
  out.write(line(row));
}
out.write(`\non ${JSON.stringify(machine())}\n`);
if (values.json === true) process.stdout.write(`${JSON.stringify({ rows, machine: machine() })}\n`);
