// Every fault once, in its short form and with a fixed seed, and every run that once failed.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { FAULTS } from './catalogue.js';
import { cleanUpOnSignals } from './cleanup.js';
import type { Fault } from './fault.js';
import { missingHere, whyNot } from './machine.js';
import { oneRun } from './one-run.js';
import { REGRESSIONS } from './regressions.js';
import { describeRun } from './report.js';
import { SharedPostgres } from './suite.js';

const MAIN = join(import.meta.dirname, '../../dist/main.js');
const SEED = 1;
/** Most of the time they wait: for backoffs, for keepalives. */
const WORLDS_AT_A_TIME = 6;

const missing = await missingHere();
const postgres = new SharedPostgres();
cleanUpOnSignals();
after(() => postgres.stop());

const cases = [
  ...FAULTS.map((fault) => ({ fault, seed: SEED, why: fault.what })),
  ...REGRESSIONS.map(({ fault, seed, why }) => ({ fault: faultOf(fault), seed, why })),
];

describe('faults, beside each other', { concurrency: WORLDS_AT_A_TIME }, () => {
  for (const one of cases.filter(({ fault }) => fault.alone !== true)) check(one);
});

describe('faults that measure time', () => {
  for (const one of cases.filter(({ fault }) => fault.alone === true)) check(one);
});

function check({ fault, seed, why }: (typeof cases)[number]): void {
  test(`${fault.id} seed ${seed}: ${why}`, async (t) => {
    const reason = whyNot(fault, missing);
    if (reason !== null) {
      t.skip(`NOT INJECTED HERE: ${reason}`);
      return;
    }
    const result = await oneRun({ fault, seed, main: MAIN, long: false, postgres: () => postgres.get() });
    t.diagnostic(describeRun(result).trimEnd());
    assert.deepEqual(result.violations, [], describeRun(result));
  });
}

function faultOf(id: string): Fault {
  const fault = FAULTS.find((one) => one.id === id);
  assert(fault !== undefined, `there is no fault ${id}`);
  return fault;
}
