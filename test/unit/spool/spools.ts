// What the spool's tests have in common: opening one, and rows to put into it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type OpenSpoolOptions, openSpool } from '../../../src/spool/open-spool.js';
import type { ClassCounts, NewRow, Spool, SpoolRow } from '../../../src/spool/spool.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

export const MIB = 1024 * 1024;
/** As the kit has them: aircraft, system, signals, drones. */
export const CLASSES = [1, 3, 2, 0];

export function open(path: string, options: Partial<OpenSpoolOptions> = {}): Spool {
  return openSpool({
    path,
    classes: CLASSES,
    limits: { maxBytes: 64 * MIB, minFreeBytes: 0, maxAgeMs: null, evict: 'priority' },
    onDamaged: (problem) => assert.fail(`the spool is not damaged: ${problem.message}`),
    ...options,
  });
}

/** Open until the test is over. */
export function openFor(t: TestContext, options: Partial<OpenSpoolOptions> = {}): Spool {
  const spool = open(join(tempFolder(t), 'spool.db'), options);
  t.after(() => spool.close());
  return spool;
}

export function rows(count: number, rowClass = 0, bodyBytes = 40): NewRow[] {
  return Array.from({ length: count }, (_, i) => {
    const body = JSON.stringify({ id: `thing-${i}`, text: 'x'.repeat(bodyBytes) });
    return { class: rowClass, thing: `thing-${i}`, mark: `${i}`, body };
  });
}

export const seqs = (list: readonly SpoolRow[]): number[] => list.map(({ seq }) => seq);
export const ids = (list: readonly { readonly id: number }[]): number[] => list.map(({ id }) => id);

export const EMPTY_COUNTS: ClassCounts = {
  accepted: 0,
  delivered: 0,
  evicted: 0,
  evictedHandedOver: 0,
  waiting: 0,
  handedOver: 0,
};
