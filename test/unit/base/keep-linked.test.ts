// Connecting again and again, with a link that only pretends.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Backoff } from '../../../src/base/backoff.js';
import { BrokerError } from '../../../src/base/errors.js';
import { type Connection, keepLinked } from '../../../src/base/keep-linked.js';
import { Pulse } from '../../../src/base/pulse.js';
import { MemoryLog } from '../../fixtures/memory-log.js';

const refused = (): BrokerError => new BrokerError('nothing listens', { code: 'refused', hint: 'start it' });
const lost = (code = 'closed'): BrokerError => new BrokerError('connection lost', { code });

class PretendedLink implements Connection {
  readonly sessionPresent = false;
  readonly closed: Promise<Error>;
  ended = 0;
  private close: (error: Error) => void = () => {};

  constructor(private readonly reason: Error = lost()) {
    this.closed = new Promise((resolve) => {
      this.close = resolve;
    });
  }

  async end(): Promise<void> {
    this.ended += 1;
    this.close(this.reason);
  }
}

class CountingBackoff extends Backoff {
  readonly calls: string[] = [];

  override next(): number {
    this.calls.push('next');
    return super.next() && 0;
  }

  override saturate(): void {
    this.calls.push('saturate');
    super.saturate();
  }

  override reset(): void {
    this.calls.push('reset');
    super.reset();
  }
}

type Step = PretendedLink | Error;

/** Plays the steps one after another, then stops; each link is used until `use` is through. */
async function play(steps: Step[], use: (link: PretendedLink) => Promise<void> = async () => {}, now = () => 0) {
  const log = new MemoryLog();
  const backoff = new CountingBackoff({ minMs: 1, maxMs: 1 });
  const controller = new AbortController();
  const open = async (): Promise<PretendedLink> => {
    const step = steps.shift();
    if (step === undefined) {
      controller.abort();
      throw new Error('over');
    }
    if (step instanceof Error) throw step;
    return step;
  };
  await keepLinked({ open, use, backoff, log, signal: controller.signal, now });
  return { texts: log.texts, lines: log.lines, calls: backoff.calls };
}

describe('keepLinked', () => {
  test('tries again until it can connect, and says each problem once', async () => {
    const { texts, lines, calls } = await play([refused(), refused(), lost(), refused(), new PretendedLink()]);
    assert.deepEqual(texts, [
      'warn: broker: nothing listens; trying again',
      'debug: broker: nothing listens; trying again',
      'warn: broker: connection lost; trying again',
      'warn: broker: nothing listens; trying again',
      'info: connected to the broker',
      'warn: broker: connection lost; trying again',
    ]);
    assert.deepEqual(lines[0]?.fields, { code: 'refused', hint: 'start it' });
    assert.deepEqual(calls, ['next', 'next', 'next', 'next', 'next']);
  });

  test('ends every link it has used, also when using it failed', async () => {
    const links = [new PretendedLink(), new PretendedLink()];
    let uses = 0;
    const { texts } = await play([...links], async () => {
      uses += 1;
      if (uses === 1) throw new Error('no subscription');
    });
    assert.equal(uses, 2);
    assert.deepEqual(links.map(({ ended }) => ended), [1, 1]); // biome-ignore format: short
    assert.ok(texts.includes('warn: broker: no subscription; trying again'));
  });

  test('a problem that comes back after a connection is news again', async () => {
    const { texts } = await play([refused(), new PretendedLink(refused()), refused()]);
    assert.equal(texts.filter((text) => text.startsWith('warn: broker: nothing listens')).length, 2);
  });

  test('waits from the shortest again only after a connection that held', async () => {
    let clockMs = 0;
    const held = [1_000, 61_000];
    const use = async (): Promise<void> => {
      clockMs += held.shift() ?? 0;
    };
    const { calls } = await play([new PretendedLink(), new PretendedLink()], use, () => clockMs);
    assert.deepEqual(calls, ['next', 'reset', 'next']);
  });

  test('stays away when another client took the connection over', async () => {
    const { calls } = await play([new PretendedLink(lost('taken-over'))]);
    assert.deepEqual(calls, ['saturate', 'next']);
  });

  test('says what it may be when the broker closes early again and again, once', async () => {
    const links = Array.from({ length: 6 }, () => new PretendedLink());
    const { texts } = await play(links);
    assert.equal(texts.filter((text) => text.includes('does another client use this client id?')).length, 1);
    const others = await play([new PretendedLink(), refused(), new PretendedLink(), refused(), new PretendedLink()]);
    assert.ok(!others.texts.some((text) => text.includes('another client')));
  });

  test('leaves at once while it waits for the next try', async () => {
    const controller = new AbortController();
    const backoff = new Backoff({ minMs: 60_000, maxMs: 60_000 });
    const running = keepLinked({
      open: () => Promise.reject(refused()),
      use: async () => {},
      backoff,
      log: new MemoryLog(),
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(), 10);
    await running;
  });

  test('leaves at once while it connects, and ends the link that comes too late', async () => {
    const controller = new AbortController();
    const late = new PretendedLink();
    let arrive = (_: PretendedLink): void => {};
    let used = false;
    const running = keepLinked({
      open: () =>
        new Promise<PretendedLink>((resolve) => {
          arrive = resolve;
        }),
      use: async () => {
        used = true;
      },
      backoff: new Backoff({ minMs: 1, maxMs: 1 }),
      log: new MemoryLog(),
      signal: controller.signal,
    });
    controller.abort();
    await running;
    arrive(late);
    await late.closed;
    assert.equal(late.ended, 1);
    assert.equal(used, false);
  });

  test('does not begin when it is already over', async () => {
    let opened = 0;
    await keepLinked({
      open: async () => {
        opened += 1;
        return new PretendedLink();
      },
      use: async () => {},
      backoff: new Backoff({ minMs: 1, maxMs: 1 }),
      log: new MemoryLog(),
      signal: AbortSignal.abort(),
    });
    assert.equal(opened, 0);
  });

  test('has a late pulse when it hangs in connecting, and none while a connection holds', async () => {
    let nowMs = 0;
    const pulse = new Pulse(() => nowMs);
    const controller = new AbortController();
    const link = new PretendedLink();
    let arrive = (_: PretendedLink): void => {};
    const running = keepLinked({
      open: () =>
        new Promise<PretendedLink>((resolve) => {
          arrive = resolve;
        }),
      use: () => link.closed.then(() => {}),
      backoff: new Backoff({ minMs: 1, maxMs: 1 }),
      log: new MemoryLog(),
      signal: controller.signal,
      pulse,
    });
    nowMs = 110_000;
    assert.equal(pulse.isLate, false);
    nowMs = 130_000;
    assert.equal(pulse.isLate, true);
    arrive(link);
    await new Promise((resolve) => setTimeout(resolve, 5));
    nowMs = 1e9;
    assert.equal(pulse.isLate, false);
    controller.abort();
    await link.end();
    await running;
  });
});
