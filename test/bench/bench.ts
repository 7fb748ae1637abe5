// The benchmarks: each figure beside a yardstick measured in the same run, A B A B, medians. A missed target is a row with
// `ok: false`; it fails nothing, because machines are noisy and this is no test.
//
// npm run bench [-- [--json] [--only TEXT] [--svg FILE]]
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cleanUpOnSignals } from '../faults/cleanup.js';
import { BYTES } from './bytes.js';
import { measureDrain } from './drain.js';
import { measureGrowth } from './growth.js';
import { measureIngest, measureIngestMemory, measureSqliteIngest } from './ingest.js';
import { measureIntake } from './intake.js';
import { measureIdle, measureKitCost, measureSlowDisk, measureStart } from './kit-cost.js';
import { measureKitMemory } from './kit-memory.js';
import { measureKitRows } from './kit-rows.js';
import { measureLatency, measureLatencyInBacklog } from './latency.js';
import { fileSystem, isInMemory, machineFacts } from './machine.js';
import { measurePages } from './pages.js';
import { measurePublish } from './publish.js';
import { type MakeBench, measure, type Row } from './row.js';
import { keepSample, SAMPLES_FILE } from './samples.js';
import { HEADING, lineOf } from './table.js';
import { measureThinLink } from './thin-link.js';

const BENCHES: Readonly<Record<string, MakeBench>> = {
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
  'kit-cost': measureKitCost,
  'kit-start': measureStart,
  'kit-idle': measureIdle,
  'kit-slow-disk': measureSlowDisk,
};

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    svg: { type: 'string', default: join(tmpdir(), 'dragonsink-growth.svg') },
  },
});

/** What has no yardstick and no target: each makes a table of its own. */
const TABLES: Readonly<Record<string, () => Promise<string>>> = {
  'thin-link': measureThinLink,
  growth: async () => `${await measureGrowth(values.svg)}\nplotted in ${values.svg}\n`,
};

const out = values.json ? process.stderr : process.stdout;
const chosen = <T>(all: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(all).filter(([name]) => name.includes(values.only));

/** One that fails takes no other with it. */
async function attempt(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown: unknown) {
    process.exitCode = 1;
    process.stderr.write(`${name} could not be measured: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
  }
}

async function bench(): Promise<void> {
  const machine = machineFacts();
  const rows: Row[] = [];
  for (const [i, [name, make]] of chosen(BENCHES).entries()) {
    if (i === 0) out.write(HEADING);
    await attempt(name, async () => {
      const results = await measure(make, (run) => keepSample(name, run));
      rows.push(...results.map(({ row }) => row));
      for (const result of results) out.write(lineOf(result));
    });
  }
  for (const [name, table] of chosen(TABLES)) {
    await attempt(name, async () => {
      out.write(`\n${await table()}`);
    });
  }
  out.write(`\non ${JSON.stringify(machine)}\nevery run: ${SAMPLES_FILE}\n`);
  if (values.json) process.stdout.write(`${JSON.stringify({ rows, machine })}\n`);
}

/** Why nothing can be measured; null when it can. */
function refusal(): string | null {
  if (chosen(BENCHES).length + chosen(TABLES).length === 0) {
    const names = [...Object.keys(BENCHES), ...Object.keys(TABLES)];
    return `nothing has "${values.only}" in its name; there is:\n${names.map((name) => `  ${name}`).join('\n')}`;
  }
  if (!isInMemory(fileSystem())) return null;
  return `${tmpdir()} is in memory, where an fsync costs nothing: name a folder on a disk, TMPDIR=/var/tmp npm run bench`;
}

cleanUpOnSignals();
const refused = refusal();
if (refused === null) await bench();
else {
  process.stderr.write(`${refused}\n`);
  process.exitCode = 2;
}
