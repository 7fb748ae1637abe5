// Waiting, but not for ever.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { beforeAbort, within } from '../../../src/base/abort.js';

const never = new Promise<never>(() => {});

describe('beforeAbort', () => {
  test('gives what comes first', async () => {
    const controller = new AbortController();
    assert.equal(await beforeAbort(Promise.resolve(7), controller.signal), 7);
    await assert.rejects(beforeAbort(Promise.reject(new Error('no')), controller.signal), /no/);
    const waiting = beforeAbort(never, controller.signal);
    controller.abort();
    assert.equal(await waiting, null);
    assert.equal(await beforeAbort(never, controller.signal), null);
  });

  test('leaves no listener on a signal that lives on', async () => {
    const { signal } = new AbortController();
    for (let i = 0; i < 50; i += 1) await beforeAbort(Promise.resolve(i), signal);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });
});

describe('within', () => {
  test('ends with the promise, whatever becomes of it, or with the time', async () => {
    await within(60_000, Promise.resolve());
    await within(60_000, Promise.reject(new Error('no')));
    await within(5, never);
  });
});
