// Observations for whoever reads what is stored: each with a number of its own, and a time that is told.
import type { TestContext } from 'node:test';
import { isoMicros } from '../../../src/schema/time.js';
import type { Reads, TimeRange } from '../../../src/server/reads.js';
import type { Observation } from '../../../src/server/store.js';
import { at, batch, drone, T0_US } from './store-batches.js';
import type { StoreHarness } from './store-harness.js';

/** A new, empty database. */
export type Build = (t: TestContext) => Promise<Pick<StoreHarness, 'open'>>;

export const MINUTE_US = 60e6;
export const OTHER = 'wardragon-2';
export const range = (fromUs: number, toUs: number): TimeRange => ({ from: isoMicros(fromUs), to: isoMicros(toUs) });
export const ALL = range(T0_US - 60 * MINUTE_US, T0_US + 60 * MINUTE_US);

let seq = 0;

/** One after another, each with a number of its own. */
export function numbered(kitId: string, ...observations: Observation[]): Observation[] {
  return observations.map((one) => {
    seq += 1;
    return { ...one, kitId, identity: at(seq) };
  });
}

export function seen(thing: string, offsetUs: number, over: Partial<Observation> = {}): Observation {
  const timeUs = T0_US + offsetUs;
  return drone({ thing, timeUs, keyUs: timeUs, ...over });
}

export async function readsOf(t: TestContext, build: Build, ...observations: Observation[]): Promise<Reads> {
  const store = await (await build(t)).open(() => T0_US);
  await store.commit(batch(...observations));
  return store.reads;
}
