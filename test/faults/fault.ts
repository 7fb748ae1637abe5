// The contract of a fault: what it needs of the machine and of a world, and what it does to it.
import type { Random } from './random.js';
import type { World } from './world.js';

/** What a machine may not have (machine.ts finds out). */
export type Need = 'loop' | 'tmpfs' | 'compiler' | 'faketime';

export interface Setup {
  /** SQLite unless said. */
  readonly database?: 'sqlite' | 'postgres';
  /** With 'postgres': a server of the world's own, which no other world misses; its data may lie on a small tmpfs. */
  readonly cluster?: { readonly tmpfsMb?: number };
  /** Else kit and server start at the same time. */
  readonly serverFirst?: boolean;
  /** Observations a second while it runs. */
  readonly perSecond?: number;
  /** How often the kit asks DragonSync. */
  readonly pollS?: number;
  /** Further lines of config.ini. */
  readonly mqtt?: readonly string[];
  readonly spool?: readonly string[];
  /** Further lines of mosquitto.conf. */
  readonly broker?: readonly string[];
  /** Where the spool lies: a file system of its own that loses power, or one that is small. */
  readonly disk?: 'loop' | { readonly tmpfsMb: number };
  /** For the kit's whole life. */
  readonly kitEnv?: NodeJS.ProcessEnv;
  /** The latest state of each drone is published too, and must never go back. */
  readonly stateTopics?: boolean;
}

export interface Fault {
  readonly id: string;
  readonly what: string;
  readonly needs: readonly Need[];
  /** A negative control: the harness must find a loss, or it would find none elsewhere either. */
  readonly mustLose?: boolean;
  /** It measures time, and gets the machine for itself. */
  readonly alone?: boolean;
  setup?(random: Random): Setup;
  /** With everything started, connected and fed; afterwards everything is healed and must come to rest. */
  run(world: World, random: Random): Promise<void>;
}
