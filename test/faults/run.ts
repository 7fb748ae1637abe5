// `npm run faults`: real processes, things that go wrong, and the book that says whether anything was lost.
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FAULTS } from './catalogue.js';
import { cleanUpOnSignals } from './cleanup.js';
import type { Fault } from './fault.js';
import { missingHere, versions, whyNot } from './machine.js';
import { runMutants } from './mutants.js';
import { describeLeftOut, describeRun, type LeftOut, summarise, table } from './report.js';
import { runSuite, SharedPostgres } from './suite.js';

const USAGE = `npm run faults [-- OPTIONS]
  --fault F1,F8   only these (${FAULTS.map(({ id }) => id).join(' ')})
  --seeds N       each fault with N seeds (1; with --minutes as many as there is time for)
  --minutes N     no run begins after N minutes
  --seed N        the first seed (by chance): the same one makes the same schedule
  --long          each fault in its long form
  --jobs N        worlds at a time (2)
  --main FILE     the program under test (dist/main.js)
  --mutants       the guards one by one taken out of a copy: every one of them must be missed
  --json          the results as one JSON object
`;
const MAX_SEED = 1_000_000;

const OPTIONS = {
  fault: { type: 'string' },
  seeds: { type: 'string' },
  minutes: { type: 'string' },
  seed: { type: 'string' },
  long: { type: 'boolean', default: false },
  jobs: { type: 'string', default: '2' },
  main: { type: 'string', default: join(import.meta.dirname, '../../dist/main.js') },
  mutants: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

class UsageError extends Error {}

async function main(): Promise<number> {
  const { values } = readOptions();
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  cleanUpOnSignals();
  if (values.mutants) return runMutants();
  const first = values.seed === undefined ? randomInt(1, MAX_SEED) : whole('seed', values.seed);
  const minutes = values.minutes === undefined ? null : whole('minutes', values.minutes);
  const count = values.seeds === undefined ? (minutes === null ? 1 : MAX_SEED) : whole('seeds', values.seeds);
  const wanted = select(values.fault);
  const missing = await missingHere();
  const leftOut: LeftOut[] = wanted.flatMap((fault) => {
    const why = whyNot(fault, missing);
    return why === null ? [] : [{ fault: fault.id, why }];
  });
  const faults = wanted.filter((fault) => whyNot(fault, missing) === null);

  const say = (text: string): void => void process.stderr.write(text);
  say(`first seed ${first}\n`);
  const postgres = new SharedPostgres();
  const results = await runSuite(
    {
      faults,
      seeds: seedsFrom(first, count),
      main: values.main,
      long: values.long,
      jobs: whole('jobs', values.jobs),
      deadline: minutes === null ? Number.POSITIVE_INFINITY : performance.now() + minutes * 60_000,
      onResult: (result) => say(describeRun(result)),
    },
    postgres,
  );
  const installed = await versions(await postgres.url());
  await postgres.stop();
  const summaries = summarise(faults, results);
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ versions: installed, faults: summaries, leftOut, runs: results })}\n`);
  } else {
    const named = Object.entries(installed).map(([name, version]) => `${name} ${version}`);
    process.stdout.write(`\n${table(summaries)}\n${named.join(', ')}\n${describeLeftOut(leftOut)}`);
    for (const result of results.filter(({ violations }) => violations.length > 0)) {
      process.stdout.write(describeRun(result));
    }
  }
  const failed = results.length === 0 || results.some(({ violations }) => violations.length > 0);
  // Where nobody reads what is printed, a green run means all of them.
  return failed || (process.env['CI'] && leftOut.length > 0) ? 1 : 0;
}

function readOptions() {
  try {
    return parseArgs({ options: OPTIONS });
  } catch (error: unknown) {
    throw new UsageError((error as Error).message);
  }
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new UsageError(`--${name} ${text}: a whole number from 1`);
  return value;
}

function select(names: string | undefined): Fault[] {
  if (names === undefined) return [...FAULTS];
  return names.split(',').map((name) => {
    const fault = FAULTS.find(({ id }) => id.toLowerCase() === name.trim().toLowerCase());
    if (fault === undefined) throw new UsageError(`--fault ${name}: there is no such fault`);
    return fault;
  });
}

function* seedsFrom(first: number, count: number): Generator<number> {
  for (let i = 0; i < count; i += 1) yield first + i;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const usage = error instanceof UsageError;
    process.stderr.write(usage ? `${error.message}\n\n${USAGE}` : `${(error as Error).stack}\n`);
    process.exit(usage ? 2 : 1);
  },
);
