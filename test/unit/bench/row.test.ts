// The rows of `npm run bench`: their arithmetic, their form in --json (exactly as the issue has it), and their line in the table.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { atLeast, type Bench, measure, type RowSpec, resultsOf, untargeted } from '../../bench/row.js';
import { HEADING, lineOf, markdown } from '../../bench/table.js';

const SPEED: RowSpec = { name: 'speed', unit: 'messages/s', ...atLeast(0.7, 'a bare one'), reason: 'it waits' };
const DELAY: RowSpec = {
  name: 'delay',
  unit: 'ms',
  target: 'below 30 ms',
  reaches: ({ value }) => value < 30,
  reason: 'two cores',
};

const run = (ours: number, yardstick: number | null) => ({ samples: [{ ours, yardstick }] });

describe('a row', () => {
  test('has the issue’s fields and no other, a reason only when its target is missed', () => {
    const [missed, kept] = [[run(60, 100)], [run(80, 100)]].map((runs) => resultsOf({ rows: [SPEED] }, runs)[0]?.row);
    assert.deepEqual(missed, {
      name: 'speed',
      value: 60,
      unit: 'messages/s',
      yardstick: 100,
      ratio: 0.6,
      target: 'at least 0.7 x a bare one',
      ok: false,
      reason: 'it waits',
    });
    assert.deepEqual(Object.keys(kept ?? {}), ['name', 'value', 'unit', 'yardstick', 'ratio', 'target', 'ok']);
  });

  test('is judged by the ratio it prints: the median of the runs’ ratios', () => {
    // The medians, 70 and 100, would reach it.
    const [result] = resultsOf({ rows: [SPEED] }, [
      run(70, 140),
      run(60, 90),
      run(90, 100),
      run(65, 100),
      run(80, 130),
    ]);
    assert.equal(result?.row.value, 70);
    assert.equal(result?.row.yardstick, 100);
    assert.equal(result?.row.ratio, 0.65);
    assert.equal(result?.row.ok, false);
    assert.deepEqual(result?.spread, [0.5, 0.9]);
  });

  test('without a yardstick has null for it and for the ratio, and the spread of its value', () => {
    const [result] = resultsOf({ rows: [DELAY] }, [run(12, null), run(10, null), run(31, null)]);
    assert.equal(result?.row.yardstick, null);
    assert.equal(result?.row.ratio, null);
    assert.equal(result?.row.ok, true);
    assert.deepEqual(result?.spread, [10, 31]);
  });

  test('without a target is ok, and the table does not say that it reached one', () => {
    const [result] = resultsOf({ rows: [untargeted('start', 'ms')] }, [run(500, null)]);
    assert.equal(result?.row.ok, true);
    assert.equal(result?.row.target, 'none');
    assert.equal(result && lineOf(result), '| start | 500 ms |  |  |  | 1 |  | none |  |\n');
  });
});

describe('the table', () => {
  test('says why a target was missed, how many runs there were, and what the generator took', () => {
    const runs = [60, 50].map((ours) => ({ ...run(ours, 100), generatorCpuS: 1.5, note: 'window 20' }));
    const [result] = resultsOf({ rows: [SPEED], runsAre: 'parts of one run' }, runs);
    const line = result === undefined ? '' : lineOf(result);
    assert.equal(
      line,
      '| speed | 60 messages/s (window 20) | 100 | 0.6 | 0.5 to 0.6 | 2 parts of one run | 1.5 | at least 0.7 x a bare one | no: it waits |\n',
    );
    assert.equal(HEADING.split('\n')[0]?.split('|').length, line.split('|').length);
  });

  test('of other things has their names as its heading', () => {
    assert.equal(markdown([{ a: 1, 'b, ms': 2 }, { a: 3, 'b, ms': 4 }]), '| a | b, ms |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n'); // biome-ignore format: one thought
  });
});

describe('a benchmark', () => {
  const bench = (fails: boolean, log: string[]): Bench => ({
    rows: [SPEED],
    run: async () => {
      log.push('run');
      if (fails) throw new Error('no disk');
      return run(1, 1);
    },
  });

  test('warms up, runs five times and keeps each run', async () => {
    const log: string[] = [];
    const [result] = await measure(
      async () => bench(false, log),
      () => log.push('kept'),
    );
    assert.equal(result?.runs, '5');
    assert.deepEqual(log, ['run', ...Array.from({ length: 5 }, () => ['run', 'kept']).flat()]);
  });

  test('that fails has what it started ended all the same', async () => {
    const log: string[] = [];
    const make = async (cleanup: { add(undo: () => void): void }): Promise<Bench> => {
      cleanup.add(() => void log.push('ended'));
      return bench(true, log);
    };
    await assert.rejects(
      measure(make, () => {}),
      /no disk/,
    );
    assert.deepEqual(log, ['run', 'ended']);
  });
});
