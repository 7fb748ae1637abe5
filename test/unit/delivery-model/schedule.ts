// Random schedules, and how one is run: after each step nothing may be wrong, and in the end everything must be right.
import fc from 'fast-check';
import { EVICT_POLICIES } from '../../../src/spool/eviction.js';
import { heal } from './healing.js';
import { STEPS, WEIGHTS } from './steps.js';
import { type Ground, type Setup, World } from './world.js';

type StepTaken = readonly [name: string, a: number, b: number];

export interface Schedule {
  readonly setup: Setup;
  readonly steps: readonly StepTaken[];
}

const MAX_STEPS = 50;
const NUMBERS = 999;

const setups: fc.Arbitrary<Setup> = fc.record({
  delivery: fc.constantFrom('database', 'auto', 'database', 'auto', 'broker'),
  wire: fc.constantFrom('topics', 'stream'),
  readsFrames: fc.constantFrom(true, true, false),
  qos: fc.constantFrom(1, 1, 1, 0),
  evict: fc.constantFrom(...EVICT_POLICIES),
  isSmall: fc.constantFrom(false, true),
  ages: fc.constantFrom(false, false, false, true),
  credit: fc.constantFrom(1_500, 1_500, 8, 3, 0),
  receiveMaximum: fc.constantFrom(100, 100, 10, 6),
  maximumPacketBytes: fc.constantFrom(4_000, 65_536),
  drainRateKbps: fc.constantFrom(0, 0, 0, 64),
  serverFirst: fc.boolean(),
  hasTwin: fc.constantFrom(false, false, true),
  hasForeign: fc.constantFrom(false, false, true),
});

const names = Object.keys(STEPS).flatMap((name) => Array<string>(WEIGHTS[name] ?? 1).fill(name));

/** With a part of the setup fixed. */
export function schedules(fixed: Partial<Setup> = {}): fc.Arbitrary<Schedule> {
  const step = fc.tuple(fc.constantFrom(...names), fc.nat(NUMBERS), fc.nat(NUMBERS));
  const setup = setups.map((random) => sound({ ...random, ...fixed }));
  return fc.record({ setup, steps: fc.array(step, { minLength: 1, maxLength: MAX_STEPS, size: 'max' }) });
}

/** Nobody but a server reads frames. */
function sound(setup: Setup): Setup {
  return setup.delivery === 'broker' ? { ...setup, wire: 'topics' } : setup;
}

/** Throws at what is wrong. */
export async function runSchedule(ground: Ground, kitId: string, { setup, steps }: Schedule): Promise<void> {
  ground.time.reset();
  const world = new World(ground, kitId, setup);
  const check = (when: string): void => {
    const [first] = world.outside.broken;
    if (first !== undefined) throw new Error(`${first} (${when})`);
  };
  try {
    for (const [i, [name, a, b]] of steps.entries()) {
      await STEPS[name]?.(world, a, b);
      await ground.time.settle();
      check(`at step ${i + 1}, ${name}`);
    }
    await heal(world);
    check('at the end');
  } finally {
    world.close();
    await ground.time.settle();
  }
}
