// The file system under the spool: the test's own folder, an ext4 in a file that can lose power, or a small tmpfs.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Cleanup } from './cleanup.js';
import type { Setup } from './fault.js';

export interface SpoolDisk {
  /** From now on nothing reaches the disk: what was not synced is lost. */
  powerOff(how?: PowerCut): void;
  /** After the processes are gone: mounts it again, as a boot would. */
  powerOn(): void;
}

/** EXT4_GOING_FLAGS_*: with everything flushed, with the journal flushed, with nothing. */
export type PowerCut = 'flush-all' | 'flush-journal' | 'flush-nothing';
const FLAGS: Record<PowerCut, number> = { 'flush-all': 0, 'flush-journal': 1, 'flush-nothing': 2 };

const LOOP_MB = 64;
const POWER_CUT = join(import.meta.dirname, 'power-cut.py');
const NO_POWER_SWITCH: SpoolDisk = {
  powerOff: () => {
    throw new Error('this disk has no power switch');
  },
  powerOn: () => {},
};

export function spoolDisk(kind: Setup['disk'], folder: string, cleanup: Cleanup): SpoolDisk {
  mkdirSync(folder);
  if (kind === undefined) return NO_POWER_SWITCH;
  if (kind !== 'loop') {
    run('mount', '-t', 'tmpfs', '-o', `size=${kind.tmpfsMb}m`, 'dragonsink-fault', folder);
    cleanup.add(() => run('umount', '-l', folder));
    return NO_POWER_SWITCH;
  }
  const image = join(dirname(folder), 'spool.img');
  run('truncate', '-s', `${LOOP_MB}M`, image);
  run('mkfs.ext4', '-q', '-F', image);
  const mount = (): void => run('mount', '-o', 'loop', image, folder);
  mount();
  let mounted = true;
  cleanup.add(() => {
    if (mounted) run('umount', '-l', folder);
  });
  return {
    powerOff: (how = 'flush-nothing') => run('python3', POWER_CUT, folder, String(FLAGS[how])),
    powerOn: () => {
      run('umount', folder);
      mounted = false;
      mount();
      mounted = true;
    },
  };
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
