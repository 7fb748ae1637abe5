// The benchmarks: each figure beside a yardstick measured in the same run, A B A B, medians. A missed target is a row with
// `ok: false`; it fails nothing, because machines are noisy and this is no test.
//
// npm run bench [-- [--json] [--only TEXT] [--svg FILE]]
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BYTES } from './bytes.js';
import { measureDrain } from './drain.js';
import { measureGrowth } from './growth.js';
import { measureIngest, measureIngestMemory, measureSqliteIngest } from './ingest.js';
import { measureIntake } from './intake.js';
import { measureKitCost } from './kit-cost.js';
import { measureKitMemory } from './kit-memory.js';
import { measureKitRows } from './kit-rows.js';
import { measureLatency, measureLatencyInBacklog } from './latency.js';
import { measurePages } from './pages.js';
import { measurePublish } from './publish.js';
import { type Bench, measure, type Row } from './row.js';
import { measureThinLink } from './thin-link.js';

const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  intake: measureIntake,
  publish: measurePublish,
  drain: measureDrain,
  ...BYTES,
  ingest: measureIngest,
  'ingest-sqlite': measureSqliteIngest,
  'kit-rows': measureKitRows,
  'kit-memory': measureKitMemory,
  'ingest-memory': measureIngestMemory,
  pages: measurePages,
  latency: measureLatency,
  'latency-backlog': measureLatencyInBacklog,
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
function line({ name, value, unit, yardstick, ratio, spread, target, ok, samples }: Row): string {
  const note = samples.at(-1)?.note;
  const here = `${value} ${unit}${note === undefined ? '' : `, ${note}`}`;
  const cells = [name, here, yardstick, `${ratio} (${spread.join(' to ')})`, target, ok ? 'yes' : 'no'];
  return `| ${cells.join(' | ')} |\n`;
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    svg: { type: 'string', default: join(tmpdir(), 'dragonsink-growth.svg') },
  },
});
const out = values.json ? process.stderr : process.stdout;
const rows: Row[] = [];
out.write('| what | here | yardstick | ratio (spread) | target | reached |\n|---|---|---|---|---|---|\n');
for (const [name, make] of Object.entries(BENCHES).filter(([name]) => name.includes(values.only))) {
  const row = await measure(await make()).catch((thrown: unknown) => {
    throw new Error(`${name} could not be measured`, { cause: thrown });
  });
  rows.push(row);
  out.write(line(row));
}
if ('thin-link'.includes(values.only)) out.write(`\n${await measureThinLink()}`);
if ('kit-cost'.includes(values.only)) out.write(`\n${await measureKitCost()}`);
if ('growth'.includes(values.only)) out.write(`\n${await measureGrowth(values.svg)}\nplotted in ${values.svg}\n`);
out.write(`\non ${JSON.stringify(machine())}\n`);
if (values.json) process.stdout.write(`${JSON.stringify({ rows, machine: machine() })}\n`);
