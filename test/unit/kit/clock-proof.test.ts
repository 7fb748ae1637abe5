// Who speaks for the machine's clock: NTP clients and hardware clocks, as the kernel and systemd show them.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ClockProof } from '../../../src/kit/clock-proof.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const NOW_S = 1_795_447_500;

interface Machine {
  readonly proof: ClockProof;
  readonly synchronizedFile: string;
  nowMs: number;
  kernel: boolean | Error;
  asked: number;
}

/** With these hardware clocks; null for one that can't be read. */
function machine(t: TestContext, clocks: readonly (string | null)[] | undefined): Machine {
  const folder = tempFolder(t);
  const hardwareClocks = join(folder, 'rtc');
  if (clocks !== undefined) mkdirSync(hardwareClocks);
  for (const [i, says] of (clocks ?? []).entries()) {
    mkdirSync(join(hardwareClocks, `rtc${i}`));
    if (says !== null) writeFileSync(join(hardwareClocks, `rtc${i}`, 'since_epoch'), says);
  }
  const synchronizedFile = join(folder, 'synchronized');
  const made: Machine = {
    synchronizedFile,
    nowMs: 0,
    kernel: false,
    asked: 0,
    proof: new ClockProof({
      now: () => NOW_S * 1_000,
      monotonicMs: () => made.nowMs,
      hardwareClocks,
      synchronizedFile,
      askKernel: async () => {
        made.asked += 1;
        if (made.kernel instanceof Error) throw made.kernel;
        return made.kernel;
      },
    }),
  };
  return made;
}

test('a hardware clock that shows the same time speaks for it; one that begins anew at each boot does not', (t) => {
  assert.equal(machine(t, [`${NOW_S - 1}\n`]).proof.witness(), 'hardware');
  assert.equal(machine(t, ['37\n', `${NOW_S}\n`]).proof.witness(), 'hardware', 'one of two');
  for (const clocks of [[], ['37\n'], [`${NOW_S - 60}\n`], [null], ['']])
    assert.equal(machine(t, clocks).proof.witness(), null, JSON.stringify(clocks));
});

test('a machine that knows no hardware clocks at all is a virtual one, and is told the time', (t) => {
  assert.equal(machine(t, undefined).proof.witness(), 'hardware');
});

test('systemd-timesyncd speaks for it once it has set the clock', (t) => {
  const { proof, synchronizedFile } = machine(t, []);
  assert.equal(proof.witness(), null);
  writeFileSync(synchronizedFile, '');
  assert.equal(proof.witness(), 'ntp');
});

test('any other NTP client speaks for it through the kernel, which is asked now and then', async (t) => {
  const one = machine(t, []);
  for (; one.nowMs < 61_000; one.nowMs += 2_000) {
    assert.equal(one.proof.witness(), null);
    await Promise.resolve();
  }
  assert.equal(one.asked, 3);
  one.kernel = true;
  one.nowMs += 30_000;
  assert.equal(one.proof.witness(), null);
  await Promise.resolve();
  assert.equal(one.proof.witness(), 'ntp');
  assert.equal(one.asked, 4);
});

test('NTP is asked beside a hardware clock too, only more rarely', async (t) => {
  const one = machine(t, [`${NOW_S}`]);
  for (; one.nowMs < 1_201_000; one.nowMs += 2_000) {
    assert.equal(one.proof.witness(), 'hardware');
    await Promise.resolve();
  }
  assert.equal(one.asked, 3);
  one.kernel = true;
  one.nowMs += 600_000;
  one.proof.witness();
  await Promise.resolve();
  assert.equal(one.proof.witness(), 'ntp');
});

test('who can not be asked, or looked at, says nothing', async (t) => {
  const one = machine(t, []);
  one.kernel = new Error('no process can be begun');
  assert.equal(one.proof.witness(), null);
  await new Promise((resolve) => setImmediate(resolve));
  const file = join(tempFolder(t), 'rtc');
  writeFileSync(file, '');
  const { synchronizedFile } = one;
  const proof = new ClockProof({ hardwareClocks: file, synchronizedFile, askKernel: async () => false });
  assert.equal(proof.witness(), null);
});
