// Runs faults with seeds, a few worlds at a time, and says of each what came of it.
import { type Postgres, startPostgres } from '../fixtures/postgres.js';
import { Cleanup } from './cleanup.js';
import type { Fault } from './fault.js';
import { oneRun, type RunResult } from './one-run.js';

export interface SuiteOptions {
  readonly faults: readonly Fault[];
  /** Each fault with each of them. */
  readonly seeds: Iterable<number>;
  readonly main: string;
  readonly long: boolean;
  /** Worlds at a time. */
  readonly jobs: number;
  /** After it no run begins. */
  readonly deadline: number;
  readonly onResult: (result: RunResult) => void;
}

export async function runSuite(options: SuiteOptions, postgres: SharedPostgres): Promise<RunResult[]> {
  const { faults, seeds, jobs, deadline, main, long, onResult } = options;
  const results: RunResult[] = [];
  const one = async (fault: Fault, seed: number): Promise<void> => {
    if (performance.now() > deadline) return;
    const result = await oneRun({ fault, seed, main, long, postgres: () => postgres.get() });
    results.push(result);
    onResult(result);
  };
  for (const seed of seeds) {
    if (performance.now() > deadline) break;
    const together = faults.filter(({ alone }) => alone !== true);
    await inParallel(together, jobs, (fault) => one(fault, seed));
    for (const fault of faults.filter(({ alone }) => alone === true)) await one(fault, seed);
  }
  return results;
}

export async function inParallel<T>(list: readonly T[], jobs: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...list];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}

/** One cluster for all worlds, with a database for each; started when the first of them needs it. */
export class SharedPostgres {
  private readonly cleanup = new Cleanup();
  private starting: Promise<Postgres> | null = null;

  get(): Promise<Postgres> {
    this.starting ??= startPostgres().then((postgres) => {
      this.cleanup.add(() => postgres.stop());
      return postgres;
    });
    return this.starting;
  }

  /** Null when no world needed it. */
  async url(): Promise<string | null> {
    return this.starting === null ? null : (await this.starting).url;
  }

  async stop(): Promise<void> {
    await this.cleanup.run();
  }
}
