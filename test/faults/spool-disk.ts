// The file system under the spool: the test's own folder, an ext4 in a file that can lose power, or a small tmpfs (which may
// lie under PostgreSQL too).
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Cleanup } from './cleanup.js';
import type { Setup } from './fault.js';

export interface SpoolDisk {
  /** From now on nothing reaches the disk: what was not synced is lost. */
  powerOff(how?: PowerCut): Promise<void>;
  /** After the processes are gone: mounts it again, as a boot would. */
  powerOn(): Promise<void>;
}

/** EXT4_GOING_FLAGS_*: with everything flushed, with the journal flushed, with nothing. */
export type PowerCut = 'flush-all' | 'flush-journal' | 'flush-nothing';
const FLAGS: Record<PowerCut, number> = { 'flush-all': 0, 'flush-journal': 1, 'flush-nothing': 2 };

const LOOP_MB = 64;
const POWER_CUT = join(import.meta.dirname, 'power-cut.py');
const NO_POWER_SWITCH: SpoolDisk = {
  powerOff: async () => {
    throw new Error('this disk has no power switch');
  },
  powerOn: async () => {},
};

export async function spoolDisk(kind: Setup['disk'], folder: string, cleanup: Cleanup): Promise<SpoolDisk> {
  mkdirSync(folder);
  if (kind === undefined) return NO_POWER_SWITCH;
  if (kind !== 'loop') {
    cleanup.add(await mountTmpfs(folder, kind.tmpfsMb));
    return NO_POWER_SWITCH;
  }
  const image = join(dirname(folder), 'spool.img');
  await run('truncate', '-s', `${LOOP_MB}M`, image);
  await run('mkfs.ext4', '-q', '-F', image);
  const mount = (): Promise<void> => run('mount', '-o', 'loop', image, folder);
  await mount();
  let mounted = true;
  cleanup.add(async () => {
    if (mounted) await run('umount', '-l', folder);
  });
  return {
    powerOff: (how = 'flush-nothing') => run('python3', POWER_CUT, folder, String(FLAGS[how])),
    powerOn: async () => {
      await run('umount', folder);
      mounted = false;
      await mount();
      mounted = true;
    },
  };
}

/** Resolves to what takes it away again. */
export async function mountTmpfs(folder: string, sizeMb: number): Promise<() => Promise<void>> {
  await run('mount', '-t', 'tmpfs', '-o', `size=${sizeMb}m`, 'dragonsink-fault', folder);
  return () => run('umount', '-l', folder);
}

const execute = promisify(execFile);

/** It may take its time, and must not keep the other worlds' links from working meanwhile. */
async function run(command: string, ...args: string[]): Promise<void> {
  await execute(command, args);
}
